//! The table `bench` of a scenario file: what the bench is like for this scenario.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::{Diagnostic, did_you_mean, nearest, quote};
use super::file::{Reader, Value};
use super::timeline::quantity;
use super::{Family, RouteMetrics, Settings, Span, SysctlValue};
use crate::tcp::Party;

pub(super) const BENCH_KEYS: [&str; 10] = [
    "family",
    "quickack",
    "deadline",
    "mtu",
    "offloads",
    "congestion",
    "sysctl",
    "route",
    "peer",
    "isn",
];
const ROUTE_KEYS: [&str; 5] = ["initcwnd", "initrwnd", "rto_min", "mtu", "advmss"];

/// Linux's settings below `net.` that a network namespace has for itself and that its owner may change; some kernels lack
/// some. Only these can be named, so no path can lead elsewhere.
const SYSCTL_NAMES: &str = include_str!("sysctl-names.txt");

const CONGESTION: &str = "ipv4.tcp_congestion_control";

/// The smallest MTU with which IPv6 works (RFC 8200, section 5).
const LEAST_MTU_IPV6: u16 = 1280;

impl Reader<'_> {
    pub(super) fn settings(&mut self, key: &str, value: &Value) -> Settings {
        let mut settings = Settings::default();
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, value, "a table");
            return settings;
        };
        let mut congestion = None;
        let mut mtu = None;
        let (mut isn_span, mut peer_span) = (None, None);
        for (key, value) in table {
            match &**key.get_ref() {
                "family" => {
                    if let Some(family) = self.family(value) {
                        settings.family = family;
                    }
                }
                "quickack" => {
                    if let Some(quickack) = self.switch("quickack", value) {
                        settings.quickack = quickack;
                    }
                }
                "deadline" => {
                    if let Some(deadline) = self.duration_above_zero("deadline", value, "leave it out for 5 seconds") {
                        settings.deadline = deadline;
                    }
                }
                "mtu" => {
                    if let Some(bytes) = self.number("mtu", value, 68, u16::MAX.into()) {
                        settings.mtu = u16::try_from(bytes).unwrap_or(u16::MAX);
                        mtu = Some(value.span());
                    }
                }
                "offloads" => {
                    if let Some(offloads) = self.switch("offloads", value) {
                        settings.offloads = offloads;
                    }
                }
                "congestion" => congestion = self.sysctl_value("congestion", value).map(|name| (name, value.span())),
                "sysctl" => self.sysctls(&mut settings.sysctls, "", value),
                "route" => settings.route = self.route(value),
                "peer" => {
                    settings.peer = self.peer(value);
                    peer_span = Some(value.span());
                }
                "isn" => {
                    if let Some(isn) = self.number("isn", value, 0, u32::MAX) {
                        settings.isn = isn;
                        isn_span = Some(value.span());
                    }
                }
                name => self.unknown_key(&(name, key.span()), &BENCH_KEYS, &[("bench.route", &ROUTE_KEYS)]),
            }
        }
        if let Some((value, span)) = congestion {
            self.add_sysctl(&mut settings.sysctls, CONGESTION, value, span);
        }
        if let Some(span) = mtu.filter(|_| settings.family == Family::Ipv6 && settings.mtu < LEAST_MTU_IPV6) {
            let message = format!("expected at least {LEAST_MTU_IPV6} for `mtu` over IPv6");
            let label = "with this the kernel switches IPv6 off";
            self.diagnostics
                .push(Diagnostic::new(span, message, label).help("RFC 8200, section 5, demands it of every link"));
        }
        if let Some(span) = peer_span.filter(|_| settings.family == Family::Ipv6 && settings.peer.is_some()) {
            // Linux makes no way through loopback for an address of IPv6 that is not its own, as it does for one of IPv4.
            let message = "expected no `peer` over IPv6";
            let label = "an end without a socket has an address of IPv4";
            self.diagnostics
                .push(Diagnostic::new(span, message, label).help("delete it, or family = \"ipv6\""));
        }
        if let Some(span) = isn_span.filter(|_| settings.peer.is_none()) {
            let message = "expected `peer` beside `isn`";
            let label = "the kernel chooses the ISN of its own sockets";
            let help =
                "add peer = \"client\" or peer = \"server\": that end then has no socket, and you choose its numbers";
            self.diagnostics.push(Diagnostic::new(span, message, label).help(help));
        }
        settings.sysctls.sort_by(|a, b| a.name.cmp(&b.name));
        settings
    }

    fn family(&mut self, value: &Value) -> Option<Family> {
        match value.get_ref().as_str() {
            Some("ipv4") => Some(Family::Ipv4),
            Some("ipv6") => Some(Family::Ipv6),
            Some(other) => {
                let label = format!("unknown: {}", quote(other));
                let diagnostic = Diagnostic::new(value.span(), "expected \"ipv4\" or \"ipv6\" for `family`", label);
                self.diagnostics
                    .push(diagnostic.help(did_you_mean(other, &["ipv4", "ipv6"])));
                None
            }
            None => {
                self.wrong_type("family", value, "\"ipv4\" or \"ipv6\"");
                None
            }
        }
    }

    /// Which end is played by `peer send` lines.
    fn peer(&mut self, value: &Value) -> Option<Party> {
        let names = Party::ALL.map(Party::name);
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type("peer", value, "\"client\" or \"server\"");
            return None;
        };
        let found = Party::ALL.into_iter().find(|party| party.name() == text);
        if found.is_none() {
            let message = "expected \"client\" or \"server\" for `peer`";
            let label = format!("unknown: {}", quote(text));
            self.diagnostics
                .push(Diagnostic::new(value.span(), message, label).help(did_you_mean(text, &names)));
        }
        found
    }

    pub(super) fn switch(&mut self, key: &str, value: &Value) -> Option<bool> {
        let switch = value.get_ref().as_bool();
        if switch.is_none() {
            self.wrong_type(key, value, "`true` or `false`");
        }
        switch
    }

    fn duration_above_zero(&mut self, key: &str, value: &Value, otherwise: &str) -> Option<Duration> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a duration such as \"5s\"");
            return None;
        };
        match quantity::duration(text, value.span()) {
            Ok(duration) if duration.is_zero() => {
                let message = format!("expected a {key} above zero");
                let diagnostic = Diagnostic::new(value.span(), message, "nothing ends in no time");
                self.diagnostics.push(diagnostic.help(otherwise));
                None
            }
            Ok(duration) => Some(duration),
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn number(&mut self, key: &str, value: &Value, least: u32, most: u32) -> Option<u32> {
        let range = format!("a whole number from {least} to {most}");
        let Some(number) = integer(value) else {
            self.wrong_type(key, value, &range);
            return None;
        };
        let number = u32::try_from(number).ok().filter(|n| (least..=most).contains(n));
        if number.is_none() {
            let message = format!("expected {range} for `{key}`");
            self.diagnostics
                .push(Diagnostic::new(value.span(), message, "out of range"));
        }
        number
    }

    /// The settings of a table, in which a dot is as good as a table in the table.
    fn sysctls(&mut self, found: &mut Vec<SysctlValue>, prefix: &str, value: &Value) {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type("sysctl", value, "a table such as { \"ipv4.tcp_syn_retries\" = 1 }");
            return;
        };
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            if value.get_ref().as_table().is_some() {
                self.sysctls(found, &format!("{name}."), value);
            } else if is_known(&name) {
                if let Some(text) = self.sysctl_value(&name, value) {
                    self.add_sysctl(found, &name, text, key.span());
                }
            } else {
                self.unknown_sysctl(&name, key.span());
            }
        }
    }

    fn add_sysctl(&mut self, found: &mut Vec<SysctlValue>, name: &str, value: String, span: Span) {
        if found.iter().any(|sysctl| sysctl.name == name) {
            let message = format!("expected `{name}` once");
            self.diagnostics
                .push(Diagnostic::new(span, message, "it has a value already").help("delete one of the two"));
        } else {
            found.push(SysctlValue {
                name: name.to_owned(),
                value,
            });
        }
    }

    fn unknown_sysctl(&mut self, name: &str, span: Span) {
        let plain = name.replace('/', ".");
        let plain = plain.strip_prefix("net.").unwrap_or(&plain);
        let known = if is_known(plain) {
            Some(plain)
        } else {
            nearest(plain, SYSCTL_NAMES.lines())
        };
        let help = match known {
            Some(known) => format!("did you mean `{known}`?"),
            None => "names are those of sysctl(8) without `net.`, such as `ipv4.tcp_syn_retries`; only what a network \
                     namespace has for itself can be set"
                .to_owned(),
        };
        let message = "expected the name of a setting of a network namespace";
        self.diagnostics
            .push(Diagnostic::new(span, message, format!("unknown: {}", quote(name))).help(help));
    }

    /// A number, a switch or a text, as it is written into the setting's file.
    fn sysctl_value(&mut self, key: &str, value: &Value) -> Option<String> {
        let text = match value.get_ref() {
            DeValue::Integer(_) => integer(value).map(|number| number.to_string()),
            DeValue::Boolean(on) => Some(u8::from(*on).to_string()),
            DeValue::String(text) => Some(text.trim().to_owned()),
            _ => None,
        };
        let Some(text) = text else {
            self.wrong_type(key, value, "a number or a string");
            return None;
        };
        let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !fits {
            let message = format!("expected 1 to 200 ASCII characters for `{key}`");
            self.diagnostics
                .push(Diagnostic::new(value.span(), message, "no setting takes this"));
        }
        fits.then_some(text)
    }

    fn route(&mut self, value: &Value) -> RouteMetrics {
        let mut route = RouteMetrics::default();
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type("route", value, "a table such as { initcwnd = 10 }");
            return route;
        };
        for (key, value) in table {
            match &**key.get_ref() {
                "initcwnd" => route.initcwnd = self.number("initcwnd", value, 1, 65_535),
                "initrwnd" => route.initrwnd = self.number("initrwnd", value, 1, 65_535),
                "mtu" => route.mtu = self.number("mtu", value, 68, 65_535),
                "advmss" => route.advmss = self.number("advmss", value, 1, 65_495),
                "rto_min" => {
                    route.rto_min = self.duration_above_zero("rto_min", value, "leave it out for 200 ms");
                    if route.rto_min.is_some_and(|min| min.subsec_nanos() % 1_000_000 != 0) {
                        let message = "expected whole milliseconds for `rto_min`";
                        self.diagnostics
                            .push(Diagnostic::new(value.span(), message, "finer than the kernel takes"));
                    }
                }
                name => self.unknown_key(&(name, key.span()), &ROUTE_KEYS, &[("bench", &BENCH_KEYS)]),
            }
        }
        route
    }
}

fn integer(value: &Spanned<DeValue>) -> Option<i64> {
    let number = value.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn is_known(name: &str) -> bool {
    SYSCTL_NAMES.lines().any(|known| known == name)
}
