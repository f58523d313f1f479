//! Reading and writing on a connection.

use std::io::{self, Read};

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::ActionResult;
use crate::scenario::{Verb, Want};

/// What one read call asks for at most when the scenario names no number; the article's programs use 1024.
const READ_SIZE: usize = 64 * 1024;
/// The buffer of the article's server (`BUFSIZE`).
const STRLEN_BUFFER: usize = 1024;

type Connection = AsyncFd<Socket>;

/// Performs a verb that moves bytes.
pub(super) async fn transfer(connection: &Connection, verb: &Verb) -> ActionResult {
    let mut moved = Moved {
        flags: if verb.announces_more() { libc::MSG_MORE } else { 0 },
        ..Moved::default()
    };
    let end = match verb {
        Verb::Send(payload) | Verb::SendMore(payload) => moved.write_all(connection, &payload.bytes).await,
        Verb::Write(payload) | Verb::WriteMore(payload) => {
            moved.write_once(connection, &payload.bytes).await.map(|_| End::Reached)
        }
        Verb::Recv(want) => moved.receive(connection, want).await,
        Verb::Read(want) => moved.read_once(connection, wanted(want).unwrap_or(READ_SIZE)).await,
        Verb::Echo { bytes } => moved.echo(connection, *bytes).await,
        Verb::EchoStrlen { stale } => moved.echo_strlen(connection, &stale.bytes).await,
        _ => return ActionResult::impossible(format!("`{}` moves no bytes", verb.name())),
    };
    moved.into_result(end)
}

/// Repeats a non-blocking call until it no longer would block.
pub(super) async fn retry<T>(
    handle: &Connection,
    interest: Interest,
    mut call: impl FnMut(&Socket) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        // The first try needs no readiness: on loopback the answer is often there already.
        match call(handle.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => return other,
        }
        let mut ready = handle.ready(interest).await?;
        ready.clear_ready();
        match call(handle.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

/// How a transfer came to its end.
enum End {
    /// All that was wanted has moved.
    Reached,
    /// A read returned 0.
    Eof,
}

struct Broken {
    call: &'static str,
    error: io::Error,
}

/// The bytes that an action has moved so far.
#[derive(Default)]
struct Moved {
    received: Option<Vec<u8>>,
    sent: Option<Vec<u8>>,
    /// Those of each send(2).
    flags: i32,
}

impl Moved {
    async fn write_all(&mut self, connection: &Connection, mut bytes: &[u8]) -> Result<End, Broken> {
        self.sent.get_or_insert_default();
        while !bytes.is_empty() {
            let count = self.write_once(connection, bytes).await?;
            bytes = &bytes[count..];
        }
        Ok(End::Reached)
    }

    async fn write_once(&mut self, connection: &Connection, bytes: &[u8]) -> Result<usize, Broken> {
        let (flags, sent) = (self.flags, self.sent.get_or_insert_default());
        let count = retry(connection, Interest::WRITABLE, |socket| {
            socket.send_with_flags(bytes, flags)
        })
        .await
        .map_err(|error| Broken { call: "write", error })?;
        sent.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// One read call for at most `limit` bytes.
    async fn read_once(&mut self, connection: &Connection, limit: usize) -> Result<End, Broken> {
        let received = self.received.get_or_insert_default();
        let mut buffer = vec![0; limit];
        let count = retry(connection, Interest::READABLE, |mut socket| socket.read(&mut buffer))
            .await
            .map_err(|error| Broken { call: "read", error })?;
        received.extend_from_slice(&buffer[..count]);
        Ok(if count == 0 { End::Eof } else { End::Reached })
    }

    async fn receive(&mut self, connection: &Connection, want: &Want) -> Result<End, Broken> {
        let Some(wanted) = wanted(want) else {
            return self.read_once(connection, READ_SIZE).await;
        };
        self.collect(connection, wanted).await
    }

    async fn collect(&mut self, connection: &Connection, wanted: usize) -> Result<End, Broken> {
        loop {
            let missing = wanted - self.received.get_or_insert_default().len();
            if missing == 0 {
                return Ok(End::Reached);
            }
            if let End::Eof = self.read_once(connection, missing.min(READ_SIZE)).await? {
                return Ok(End::Eof);
            }
        }
    }

    async fn echo(&mut self, connection: &Connection, bytes: Option<u64>) -> Result<End, Broken> {
        let end = match bytes {
            Some(count) => {
                self.collect(connection, usize::try_from(count).unwrap_or(usize::MAX))
                    .await?
            }
            None => self.read_once(connection, READ_SIZE).await?,
        };
        if let End::Eof = end {
            return Ok(End::Eof);
        }
        let reply = self.received.clone().unwrap_or_default();
        self.write_all(connection, &reply).await
    }

    /// As the article's server: reads into a buffer that was not cleared, and writes back `strlen` of it.
    async fn echo_strlen(&mut self, connection: &Connection, stale: &[u8]) -> Result<End, Broken> {
        if let End::Eof = self.read_once(connection, STRLEN_BUFFER).await? {
            return Ok(End::Eof);
        }
        let mut buffer = self.received.clone().unwrap_or_default();
        buffer.extend_from_slice(stale);
        buffer.truncate(STRLEN_BUFFER);
        let len = buffer.iter().position(|byte| *byte == 0).unwrap_or(buffer.len());
        self.write_all(connection, &buffer[..len]).await
    }

    fn into_result(self, end: Result<End, Broken>) -> ActionResult {
        match end {
            Ok(End::Reached) => ActionResult::Done {
                received: self.received,
                sent: self.sent,
                value: None,
            },
            Ok(End::Eof) => ActionResult::Eof {
                received: self.received.unwrap_or_default(),
            },
            Err(Broken { call, error }) => ActionResult::Failed {
                call: call.to_owned(),
                errno: error.raw_os_error().unwrap_or(libc::EIO),
                received: self.received.unwrap_or_default(),
                sent: self.sent.unwrap_or_default(),
            },
        }
    }
}

/// How many bytes a `recv` or `read` asks for; `None` where it takes what comes.
fn wanted(want: &Want) -> Option<usize> {
    match want {
        Want::Anything | Want::Eof => None,
        Want::Bytes(count) => Some(usize::try_from(*count).unwrap_or(usize::MAX)),
        Want::Payload(payload) => Some(payload.bytes.len()),
    }
}
