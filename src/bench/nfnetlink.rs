//! Messages of nfnetlink (`linux/netfilter/nfnetlink.h`): built by hand, for no crate has those of the queue.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

pub(super) const REQUEST: u16 = 1;
pub(super) const ACK: u16 = 4;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;

/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `struct nfgenmsg`.
const GENERIC: usize = 4;
/// NLMSG_ERROR of netlink(7); an error number of 0 is an acknowledgment.
const ERROR: u16 = 2;
/// A message that holds another one has this bit in its type (NLA_F_NESTED).
const NESTED: u16 = 1 << 15;

/// The kernel's socket for netfilter, of the calling thread's network namespace.
pub(super) fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// A message under construction.
#[derive(Debug)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A message of this type (subsystem and message, two bytes) for a protocol family; `resource` is the queue's number.
    pub(super) fn new(kind: u16, flags: u16, sequence: u32, family: u8, resource: u16) -> Message {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((REQUEST | flags).to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend([family, 0]);
        bytes.extend(resource.to_be_bytes());
        Message(bytes)
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Message {
        attribute(&mut self.0, kind, value);
        self
    }

    /// Adds an attribute that holds attributes.
    pub(super) fn with_nested(self, kind: u16, value: &[u8]) -> Message {
        self.with(kind | NESTED, value)
    }

    /// The bytes, with their length in the header.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

/// Attributes one after the other: what a nested attribute holds.
pub(super) fn attributes(list: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    list.iter()
        .for_each(|(kind, value)| attribute(&mut bytes, *kind, value));
    bytes
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend((value.len() as u16 + 4).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// The kind that a nested attribute has in its list.
pub(super) const fn nested(kind: u16) -> u16 {
    kind | NESTED
}

/// What the kernel sent.
pub(super) struct Received<'a> {
    kind: u16,
    body: &'a [u8],
}

impl<'a> Received<'a> {
    /// The messages of one datagram.
    pub(super) fn all(mut bytes: &'a [u8]) -> Vec<Received<'a>> {
        let mut messages = Vec::new();
        while let Some(length) = u32_at(bytes, 0).map(|length| length as usize)
            && let Some(message) = bytes.get(..length).filter(|message| message.len() >= HEADER)
        {
            messages.push(Received {
                kind: u16::from_ne_bytes([message[4], message[5]]),
                body: &message[HEADER..],
            });
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        messages
    }

    /// The message's type.
    pub(super) fn kind(&self) -> u16 {
        self.kind
    }

    /// What a NLMSG_ERROR says; `None` for any other message.
    pub(super) fn acknowledgment(&self) -> Option<io::Result<()>> {
        let code = (self.kind == ERROR).then(|| u32_at(self.body, 0))??.cast_signed();
        Some(match code {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
        })
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.body.get(GENERIC..)?;
        loop {
            let &[l0, l1, k0, k1, ..] = rest else { return None };
            let length = usize::from(u16::from_ne_bytes([l0, l1]));
            let value = rest.get(4..length)?;
            if u16::from_ne_bytes([k0, k1]) & !NESTED == wanted {
                return Some(value);
            }
            rest = rest.get(length.next_multiple_of(4)..)?;
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let message = Message::new(0x301, ACK, 7, 2, 0)
            .with(1, b"abcde")
            .with_nested(2, &attributes(&[(3, b"x")]));
        let bytes = [message.finish(), Message::new(0x302, 0, 8, 2, 0).finish()].concat();
        let messages = Received::all(&bytes);
        let kinds: Vec<u16> = messages.iter().map(Received::kind).collect();
        assert_eq!(kinds, [0x301, 0x302]);
        assert_eq!(messages[0].attribute(1), Some(&b"abcde"[..]));
        assert_eq!(messages[0].attribute(2), Some(&[5, 0, 3, 0, b'x', 0, 0, 0][..]));
        assert_eq!(messages[0].attribute(9), None);
        assert!(messages[0].acknowledgment().is_none());
    }

    #[test]
    fn a_datagram_cut_short_ends_the_messages() {
        let bytes = Message::new(0x301, 0, 7, 2, 0).with(1, b"abcde").finish();
        for length in 0..bytes.len() {
            assert!(Received::all(&bytes[..length]).is_empty());
        }
    }
}
