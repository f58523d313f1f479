//! The JSON schema of the TOML around a timeline, for editors: they complete keys, show what they mean, and mark mistakes.
//!
//! `docs/scenario.schema.json` is this, checked in. The schema is looser than the parser, which has the last word.

use serde_json::{Value, json};

use super::Finding;
use super::file::KEYS;
use super::settings::BENCH_KEYS;

/// The schema (JSON schema, draft 7, which taplo reads).
pub fn schema() -> Value {
    let described = |keys: &[&str], known: &dyn Fn(&str) -> Value| -> Value {
        keys.iter()
            .map(|key| ((*key).to_owned(), known(key)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A scenario of tcplab",
        "description": "What two ends of TCP do, and which segments that must cause. See docs/scenario-language.md.",
        "type": "object",
        "additionalProperties": false,
        "required": ["title", "teaches", "timeline"],
        "properties": described(&KEYS, &|key| match key {
            "bench" => json!({
                "description": "How the private loopback is set up.",
                "type": "object",
                "additionalProperties": false,
                "properties": described(&BENCH_KEYS, &setting),
            }),
            key => self::key(key),
        }),
    })
}

fn key(key: &str) -> Value {
    match key {
        "title" => json!({
            "description": "One line that says what the session shows.",
            "type": "string",
            "pattern": "\\S",
        }),
        "teaches" => json!({
            "description": "What a reader learns from it: a few plain sentences.",
            "type": "string",
            "pattern": "\\S",
        }),
        "covers" => json!({
            "description": "RFC 9293 ids that the session shows: \"T8\" (a transition), \"MUST-14\", \"SHLD-5\", \"MAY-1\", \"REC-1\" or \"U3\".",
            "type": "array",
            "uniqueItems": true,
            "items": { "type": "string", "pattern": "^(T[0-9]+|U[0-9]+|(MUST|SHLD|MAY|REC)-[0-9]+)$" },
        }),
        "findings" => json!({
            "description": "Mistakes of the applications that the lab must find.",
            "type": "array",
            "uniqueItems": true,
            "items": { "type": "string", "enum": Finding::ALL.map(Finding::name) },
        }),
        "deviates" => json!({
            "description": "Where Linux does otherwise than the RFC says: ids with what it does.",
            "type": "object",
            "additionalProperties": { "type": "string", "pattern": "\\S" },
        }),
        "slow" => json!({
            "description": "It takes minutes: played only when named, or with --slow.",
            "type": "boolean",
            "default": false,
        }),
        "timeline" => json!({
            "description": "The play, between ''' and ''': actions, and below each the segments that it must cause.",
            "type": "string",
            "pattern": "\\S",
        }),
        // A key without a description of its own is still a key.
        _ => json!({}),
    }
}

fn setting(key: &str) -> Value {
    match key {
        "family" => json!({
            "description": "IPv4 or IPv6.",
            "type": "string",
            "enum": ["ipv4", "ipv6"],
            "default": "ipv4",
        }),
        "quickack" => json!({
            "description": "Every ACK at once; false: an ACK may wait for something to ride on, as on any ordinary machine.",
            "type": "boolean",
            "default": true,
        }),
        "deadline" => json!({
            "description": "How long one step may take, such as \"5s\" or \"250ms\".",
            "type": "string",
            "pattern": "^[0-9]+(ns|us|ms|s|min)$",
            "default": "5s",
        }),
        "mtu" => json!({
            "description": "The largest IP packet, bytes; from 1280 on over IPv6.",
            "type": "integer",
            "minimum": 68,
            "maximum": 65536,
            "default": 1500,
        }),
        "offloads" => json!({
            "description": "Whether one packet on loopback may hold several segments, as on an ordinary machine.",
            "type": "boolean",
            "default": false,
        }),
        "congestion" => json!({
            "description": "The congestion control: short for the setting ipv4.tcp_congestion_control.",
            "type": "string",
            "default": "reno",
        }),
        "peer" => json!({
            "description": "The end that is played by `peer send` lines and has no kernel socket.",
            "enum": ["client", "server"],
        }),
        "isn" => json!({
            "description": "The initial sequence number of the end that has no socket.",
            "type": "integer",
            "minimum": 0,
            "maximum": u32::MAX,
            "default": 1_000_000,
        }),
        "sysctl" => json!({
            "description": "Settings of the namespace, as sysctl(8) names them without `net.`: \"ipv4.tcp_syn_retries\" = 1.",
            "type": "object",
        }),
        "route" => json!({
            "description": "Metrics of the local routes (ip-route(8)), such as initcwnd = 4 or rto_min = \"50ms\".",
            "type": "object",
        }),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenario.schema.json");
        let text = std::fs::read_to_string(path).expect("the schema is checked in");
        let now = format!("{:#}\n", schema());
        assert!(
            text == now,
            "write it anew: `tcplab schema > docs/scenario.schema.json`"
        );
    }

    #[test]
    fn every_key_is_described() {
        let schema = schema();
        let properties = &schema["properties"];
        for (key, described) in properties
            .as_object()
            .into_iter()
            .chain(properties["bench"]["properties"].as_object())
            .flatten()
        {
            assert!(described["description"].is_string(), "{key} says nothing");
        }
    }
}
