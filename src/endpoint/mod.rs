//! The two ends: real kernel sockets on tokio that do what the action lines say, and report what came of it.
//!
//! Every action is one system call, or a loop of one (`send`, `recv`), and its [`ActionResult`] says which bytes moved, or
//! which call failed with which error number. An end has at most one listener and one connection; bytes are never
//! interpreted.
//!
//! Not here: `state` and `wait`, which ask the kernel and the orchestrator, not the socket, and `peer`, which has none.

mod option;
mod result;
mod stream;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

pub use result::ActionResult;

use crate::bench::watch;
use crate::scenario::{Address, ShutdownHow, SocketOption, Verb};
use crate::tcp::Party;

type Handle = Rc<AsyncFd<Socket>>;

/// One end of the conversation.
pub struct Endpoint {
    party: Party,
    /// The address to bind to; port 0 leaves the choice to the kernel.
    local: SocketAddr,
    /// The address to connect to unless the action names another.
    remote: SocketAddr,
    sockets: RefCell<Sockets>,
}

#[derive(Default)]
struct Sockets {
    listener: Option<Handle>,
    connection: Option<Handle>,
    /// Whether the connection's `connect` has failed: the next one needs a new socket.
    is_void: bool,
    /// The address to which the last `connect` went.
    target: Option<SocketAddr>,
    /// The `connect` that still waits.
    opening: Option<Opening>,
    /// Sockets that have an address and nothing else yet, in the order in which they are used.
    bound: VecDeque<Socket>,
    /// Options that were set before there was a socket, in order.
    early_options: Vec<(SocketOption, i64)>,
}

/// A `connect` that waits for its end. A program that connects without blocking may close the socket meanwhile.
struct Opening {
    /// Tells it to give up.
    give_up: oneshot::Sender<()>,
    /// Closed as soon as it no longer uses the socket.
    gone: oneshot::Receiver<()>,
}

/// Why an action ended before its time.
enum Stop {
    Call { call: &'static str, error: io::Error },
    Impossible(String),
}

impl Endpoint {
    /// An end that binds to `local` and connects to `remote`.
    pub fn new(party: Party, local: SocketAddr, remote: SocketAddr) -> Endpoint {
        Endpoint {
            party,
            local,
            remote,
            sockets: RefCell::default(),
        }
    }

    /// The local address of the connection, while there is one.
    pub fn connection_address(&self) -> Option<SocketAddr> {
        self.sockets
            .borrow()
            .connection
            .as_ref()?
            .get_ref()
            .local_addr()
            .ok()?
            .as_socket()
    }

    /// The address to which the connection was opened; `None` for one that was accepted.
    pub fn connection_target(&self) -> Option<SocketAddr> {
        let sockets = self.sockets.borrow();
        sockets.connection.as_ref().and(sockets.target)
    }

    /// Whether there is a listener.
    pub fn listens(&self) -> bool {
        self.sockets.borrow().listener.is_some()
    }

    /// Does what `verb` says; waits as long as the calls block. Dropping the future abandons the action, not the socket.
    pub async fn perform(&self, verb: &Verb) -> ActionResult {
        match verb {
            Verb::Listen { backlog } => self.listen(*backlog).into(),
            Verb::Connect { to_self } => self.connect(None, *to_self).await.into(),
            Verb::ConnectTo(address) => self.connect(Some(*address), false).await.into(),
            Verb::Bind(address) => self.bind(*address).into(),
            Verb::Accept => self.accept().await.into(),
            Verb::Set(name, value) => self.set(*name, *value).into(),
            Verb::Get(name, _) => match self.get(*name) {
                Ok(value) => ActionResult::value(value.to_string()),
                Err(stop) => stop.into(),
            },
            Verb::Shutdown(how) => self.shutdown(*how).into(),
            Verb::Close { listener: true } => self.close_listener().into(),
            Verb::Close { listener: false } => self.close().await.into(),
            Verb::Abort => self.abort().await.into(),
            Verb::Send(_)
            | Verb::Write(_)
            | Verb::SendMore(_)
            | Verb::WriteMore(_)
            | Verb::Recv(_)
            | Verb::Read(_)
            | Verb::Echo { .. }
            | Verb::EchoStrlen { .. } => match self.connection() {
                Ok(handle) => stream::transfer(&handle, verb).await,
                Err(stop) => stop.into(),
            },
            Verb::State(_) | Verb::Wait | Verb::Peer(_) | Verb::Icmp(_) | Verb::Wire(_) => {
                ActionResult::impossible(format!("`{}` is not an action of a socket", verb.name()))
            }
        }
    }

    fn listen(&self, backlog: u32) -> Result<(), Stop> {
        let socket = self.own_socket()?;
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        socket.listen(backlog).map_err(failed("listen"))?;
        // A second one on the same port the kernel refuses itself.
        if self.listens() {
            return Err(Stop::Impossible(format!("the {} listens already", self.party)));
        }
        self.sockets.borrow_mut().listener = Some(register(socket)?);
        Ok(())
    }

    /// Connects with a socket of its own; where one is connected already or connects, with that one, as a program does
    /// that calls connect() twice.
    async fn connect(&self, target: Option<Address>, to_self: bool) -> Result<(), Stop> {
        let remote = target.map_or(self.remote, |address| address.or(self.remote));
        let current = self.sockets.borrow().connection.clone();
        if let Some(connection) = current.filter(|_| !self.sockets.borrow().is_void) {
            let again = || connection.get_ref().connect(&remote.into()).map_err(failed("connect"));
            // The first call after a non-blocking connect only takes note of its success; a blocking one has done that.
            return again().and_then(|()| again());
        }
        // A socket of an earlier attempt would keep the port.
        self.take_connection()?;
        let socket = self.own_socket()?;
        let own = socket.local_addr().map_err(failed("getsockname"))?;
        let target = if to_self { own } else { remote.into() };
        let begun = socket.connect(&target);
        // Only now: a socket that was never connected polls as writable.
        let handle = register(socket)?;
        let ((give_up, given_up), (here, gone)) = (oneshot::channel(), oneshot::channel());
        {
            let mut sockets = self.sockets.borrow_mut();
            sockets.connection = Some(Rc::clone(&handle));
            sockets.is_void = false;
            sockets.target = target.as_socket();
            sockets.opening = Some(Opening { give_up, gone });
        }
        let outcome = match begun {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => tokio::select! {
                biased;
                Ok(()) = given_up => {
                    drop((handle, here));
                    let error = io::Error::from_raw_os_error(libc::ECANCELED);
                    return Err(Stop::Call { call: "connect", error });
                }
                writable = handle.writable() => {
                    let _writable = writable.map_err(failed("poll"))?;
                    handle.get_ref().take_error().map_err(failed("getsockopt"))?
                }
            },
            begun => begun.err(),
        };
        self.sockets.borrow_mut().opening = None;
        match outcome {
            None => Ok(()),
            Some(error) => {
                self.sockets.borrow_mut().is_void = true;
                Err(Stop::Call { call: "connect", error })
            }
        }
    }

    fn bind(&self, address: Address) -> Result<(), Stop> {
        let socket = self.bound_socket(address.or(self.local))?;
        self.sockets.borrow_mut().bound.push_back(socket);
        Ok(())
    }

    /// The first socket that `bind` has made, or one with the usual address.
    fn own_socket(&self) -> Result<Socket, Stop> {
        let bound = self.sockets.borrow_mut().bound.pop_front();
        let socket = bound.map_or_else(|| self.bound_socket(self.local), Ok);
        self.sockets.borrow_mut().early_options.clear();
        socket
    }

    async fn accept(&self) -> Result<(), Stop> {
        let Some(listener) = self.sockets.borrow().listener.clone() else {
            return Err(Stop::Impossible(format!("the {} does not listen", self.party)));
        };
        self.take_connection()?;
        let (socket, _) = stream::retry(&listener, Interest::READABLE, Socket::accept)
            .await
            .map_err(failed("accept"))?;
        socket.set_nonblocking(true).map_err(failed("fcntl"))?;
        {
            let mut sockets = self.sockets.borrow_mut();
            sockets.connection = Some(register(socket)?);
            sockets.is_void = false;
            sockets.target = None;
        }
        Ok(())
    }

    fn set(&self, name: SocketOption, value: i64) -> Result<(), Stop> {
        if let Some(bound) = self.sockets.borrow().bound.back() {
            return option::set(bound.as_fd(), name, value).map_err(failed("setsockopt"));
        }
        match self.newest() {
            Some(handle) => option::set(handle.as_fd(), name, value).map_err(failed("setsockopt")),
            None => {
                self.sockets.borrow_mut().early_options.push((name, value));
                Ok(())
            }
        }
    }

    fn get(&self, name: SocketOption) -> Result<i64, Stop> {
        let handle = self
            .newest()
            .ok_or_else(|| Stop::Impossible(format!("the {} has no socket", self.party)))?;
        option::get(handle.as_fd(), name).map_err(failed("getsockopt"))
    }

    fn shutdown(&self, how: ShutdownHow) -> Result<(), Stop> {
        let how = match how {
            ShutdownHow::Read => Shutdown::Read,
            ShutdownHow::Write => Shutdown::Write,
            ShutdownHow::Both => Shutdown::Both,
        };
        self.connection()?.get_ref().shutdown(how).map_err(failed("shutdown"))
    }

    /// Closes the connection, or the listener while there is no connection.
    async fn close(&self) -> Result<(), Stop> {
        self.give_up_opening().await;
        match self.take_connection()? {
            Some(connection) => {
                drop(connection);
                Ok(())
            }
            None => self.close_listener(),
        }
    }

    fn close_listener(&self) -> Result<(), Stop> {
        let listener = self.sockets.borrow_mut().listener.take();
        self.sole_owner(listener)?
            .map(drop)
            .ok_or_else(|| Stop::Impossible(format!("the {} has no open socket", self.party)))
    }

    /// Has a `connect` that still waits leave the socket alone. It then ends with ECANCELED.
    async fn give_up_opening(&self) {
        let opening = self.sockets.borrow_mut().opening.take();
        if let Some(Opening { give_up, gone }) = opening
            && give_up.send(()).is_ok()
        {
            // Nothing is ever sent: the channel closes when the task has dropped the socket.
            let _ = gone.await;
        }
    }

    /// Closes with SO_LINGER 0 what [`Endpoint::close`] would close.
    async fn abort(&self) -> Result<(), Stop> {
        let now = Some(Duration::ZERO);
        {
            let sockets = self.sockets.borrow();
            match (&sockets.connection, &sockets.listener) {
                (Some(connection), _) => connection.get_ref().set_linger(now),
                (None, Some(listener)) if sockets.opening.is_none() => listener.get_ref().set_linger(now),
                (None, _) => Ok(()),
            }
            .map_err(failed("setsockopt"))?;
        }
        self.close().await
    }

    fn bound_socket(&self, address: SocketAddr) -> Result<Socket, Stop> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP)).map_err(failed("socket"))?;
        let early = self.sockets.borrow().early_options.clone();
        for (name, value) in early {
            option::set(socket.as_fd(), name, value).map_err(failed("setsockopt"))?;
        }
        socket.bind(&address.into()).map_err(failed("bind"))?;
        Ok(socket)
    }

    fn connection(&self) -> Result<Handle, Stop> {
        self.sockets
            .borrow()
            .connection
            .clone()
            .ok_or_else(|| Stop::Impossible(format!("the {} has no connection", self.party)))
    }

    fn newest(&self) -> Option<Handle> {
        let sockets = self.sockets.borrow();
        sockets.connection.clone().or_else(|| sockets.listener.clone())
    }

    /// Takes the connection out of its place; dropping it closes it.
    fn take_connection(&self) -> Result<Option<Handle>, Stop> {
        let connection = self.sockets.borrow_mut().connection.take();
        self.sole_owner(connection)
    }

    /// A socket that a background action still uses would not be closed by dropping this handle.
    fn sole_owner(&self, handle: Option<Handle>) -> Result<Option<Handle>, Stop> {
        match &handle {
            Some(handle) if Rc::strong_count(handle) > 1 => Err(Stop::Impossible(format!(
                "a background action of the {party} still uses the socket; put `{party} wait` before this line",
                party = self.party
            ))),
            _ => Ok(handle),
        }
    }
}

fn register(socket: Socket) -> Result<Handle, Stop> {
    watch(socket, Interest::READABLE | Interest::WRITABLE)
        .map(Rc::new)
        .map_err(failed("epoll_ctl"))
}

fn failed(call: &'static str) -> impl FnOnce(io::Error) -> Stop {
    move |error| Stop::Call { call, error }
}

impl From<Stop> for ActionResult {
    fn from(stop: Stop) -> ActionResult {
        match stop {
            Stop::Call { call, error } => ActionResult::Failed {
                call: call.to_owned(),
                errno: error.raw_os_error().unwrap_or(libc::EIO),
                received: Vec::new(),
                sent: Vec::new(),
            },
            Stop::Impossible(reason) => ActionResult::Impossible { reason },
        }
    }
}

impl From<Result<(), Stop>> for ActionResult {
    fn from(result: Result<(), Stop>) -> ActionResult {
        match result {
            Ok(()) => ActionResult::done(),
            Err(stop) => stop.into(),
        }
    }
}
