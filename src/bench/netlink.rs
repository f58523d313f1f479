//! Request and answer over a netlink socket (netlink(7)).

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// The kernel answers a dump in pieces of at most 32 KiB.
const BUFFER: usize = 64 * 1024;

/// A netlink socket that sends one request at a time and reads all of its answer.
///
/// The kernel works on a request while it is being sent, so the answer waits in the socket when `send` returns.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens a socket of this netlink family (`NETLINK_ROUTE`, …) in the calling thread's network namespace.
    pub(super) fn open(family: isize) -> io::Result<Netlink> {
        let mut socket = Socket::new(family)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Netlink {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// Sends the request and returns the messages of the answer: all of a dump, else the only one, or none where the kernel
    /// merely acknowledges. `flags` are added to NLM_F_REQUEST.
    ///
    /// # Errors
    ///
    /// The error number of the kernel's answer, or that of the socket. `InvalidData` for an answer that cannot be decoded.
    pub(super) fn request<Request, Answer>(&mut self, request: Request, flags: u16) -> io::Result<Vec<Answer>>
    where
        Request: NetlinkSerializable + Into<NetlinkPayload<Request>>,
        Answer: NetlinkDeserializable,
    {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        self.answer(flags & NLM_F_DUMP == NLM_F_DUMP)
    }

    fn answer<Answer: NetlinkDeserializable>(&mut self, dump: bool) -> io::Result<Vec<Answer>> {
        let mut answers = Vec::new();
        loop {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer, 0)?;
            let mut rest = self.buffer.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<Answer>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                // Messages are padded to 4 bytes (NLMSG_ALIGN).
                let length = (message.header.length as usize).next_multiple_of(4).max(4);
                rest = rest.get(length..).unwrap_or_default();
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    // A dump that fails ends with the negative error number.
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(-done.code));
                    }
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                    NetlinkPayload::Error(_) => return Ok(answers),
                    _ => {}
                }
            }
            if !dump && !answers.is_empty() {
                return Ok(answers);
            }
        }
    }
}
