//! What to do when the machine refuses the lab something of its own.

/// What the system says, and what helps. By the words: libpcap hands on no numbers.
const REMEDIES: [(&str, &str); 7] = [
    (
        "Too many open files",
        "allow more open files (`ulimit -n`), or play fewer scenarios at once: --jobs 1",
    ),
    (
        "Resource temporarily unavailable",
        "allow more processes and threads (`ulimit -u`), or play fewer scenarios at once: --jobs 1",
    ),
    (
        "Cannot allocate memory",
        "free some memory, allow more of it (`ulimit -v`), or play fewer scenarios at once: --jobs 1",
    ),
    (
        "No space left on device",
        "free some space, or name another folder with --out DIR",
    ),
    ("File too large", "allow larger files (`ulimit -f`)"),
    ("Read-only file system", "name another folder with --out DIR"),
    ("could not be saved to", "name another folder with --out DIR"),
];

/// The message with a line of help, where it has none and one is known.
pub fn with_remedy(message: String) -> String {
    let known = REMEDIES.iter().find(|(words, _)| message.contains(words));
    match known.filter(|_| !message.contains("help: ")) {
        Some((_, remedy)) => format!("{message}\n  help: {remedy}"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_those_of_this_system() {
        for number in [
            libc::EMFILE,
            libc::EAGAIN,
            libc::ENOMEM,
            libc::ENOSPC,
            libc::EFBIG,
            libc::EROFS,
        ] {
            let message = std::io::Error::from_raw_os_error(number).to_string();
            let told = with_remedy(message.clone());
            assert!(told.contains("help: "), "{message}");
            assert_eq!(with_remedy(told.clone()), told);
        }
        assert_eq!(with_remedy("nothing known".to_owned()), "nothing known");
    }
}
