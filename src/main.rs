//! The `tcplab` program.

fn main() {}
