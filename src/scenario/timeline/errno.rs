//! The names of the error numbers, errno(3).

use std::sync::LazyLock;

use nix::errno::Errno;

/// The highest error number that Linux uses (EHWPOISON, `asm-generic/errno.h`).
const LAST: i32 = 133;

static TABLE: LazyLock<Vec<(String, i32)>> = LazyLock::new(|| {
    let known = (1..=LAST).map(|number| (format!("{:?}", Errno::from_raw(number)), number));
    let aliases = [
        ("EWOULDBLOCK", libc::EWOULDBLOCK),
        ("ENOTSUP", libc::ENOTSUP),
        ("EDEADLOCK", libc::EDEADLOCK),
    ];
    known
        .filter(|(name, _)| name != "UnknownErrno")
        .chain(aliases.map(|(name, number)| (name.to_owned(), number)))
        .collect()
});

/// All names, aliases such as EWOULDBLOCK at the end.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| name.as_str())
}

/// The number of `ECONNREFUSED`.
pub(super) fn by_name(name: &str) -> Option<i32> {
    TABLE.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
}

/// The name of an error number, such as `ECONNREFUSED`; `errno 999` for one that Linux does not use.
pub fn errno_name(number: i32) -> String {
    TABLE
        .iter()
        .find(|(_, known)| *known == number)
        .map_or_else(|| format!("errno {number}"), |(name, _)| name.clone())
}
