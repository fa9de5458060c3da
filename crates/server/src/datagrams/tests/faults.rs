//! Every receive call and every send that can fail, failing at each call in turn: the worker
//! survives, everything is counted under the right cause, and the next datagram is answered.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bullhorn_socket::Socket;

use crate::datagrams::answerer::Answerer;
use crate::datagrams::kernel_drops::KernelDrops;
use crate::datagrams::receive_errors::ReceiveErrors;
use crate::datagrams::worker::{Wake, Worker};
use crate::draining::Draining;
use crate::guard::GuardOptions;
use crate::guard::{Filter, Guard};
use crate::stats::{DatagramCounters, DatagramTotals, DropCause, Tally};
use bullhorn_socket::datagrams::BatchedBackend;
use bullhorn_socket::datagrams::MAX_BATCH;
use bullhorn_socket::datagrams::PlainBackend;
use bullhorn_socket::datagrams::{DatagramBackend, Failure, Inbox, Outbox};
use bullhorn_socket::endpoint::{Endpoint, SocketType};

/// Longer than anything here takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Texts sent one after the other, each once the last one was answered or dropped.
const TEXTS: usize = 4;

const RECEIVE_ERRORS: [i32; 10] = [
    libc::EINTR,
    libc::EAGAIN,
    libc::ENOMEM,
    libc::ENOBUFS,
    libc::ECONNREFUSED,
    libc::EHOSTUNREACH,
    libc::EIO,
    libc::ENETDOWN,
    libc::EMSGSIZE,
    libc::EFAULT,
];

const SEND_ERRORS: [(i32, DropCause); 16] = [
    (libc::EAGAIN, DropCause::QueueFull),
    (libc::ENOBUFS, DropCause::QueueFull),
    (libc::ENOMEM, DropCause::QueueFull),
    (libc::ECONNREFUSED, DropCause::PeerGone),
    (libc::ECONNRESET, DropCause::PeerGone),
    (libc::EHOSTUNREACH, DropCause::PeerGone),
    (libc::EHOSTDOWN, DropCause::PeerGone),
    (libc::ENETUNREACH, DropCause::PeerGone),
    (libc::ENETDOWN, DropCause::PeerGone),
    (libc::ENOENT, DropCause::PeerGone),
    (libc::EPIPE, DropCause::PeerGone),
    (libc::EMSGSIZE, DropCause::AnswerTooLarge),
    (libc::EPERM, DropCause::SendFailed),
    (libc::EACCES, DropCause::SendFailed),
    (libc::EINVAL, DropCause::SendFailed),
    (libc::EIO, DropCause::SendFailed),
];

/// Which call fails, counted from 0, and how.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Receive { call: usize, error: i32 },
    Send { call: usize, error: i32 },
}

/// A backend that fails once, as planned.
struct Faulty {
    backend: Box<dyn DatagramBackend>,
    fault: Fault,
    receives: usize,
    sends: usize,
}

impl DatagramBackend for Faulty {
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()> {
        let number = self.receives;
        self.receives += 1;
        match self.fault {
            Fault::Receive { call, error } if call == number => {
                inbox.clear();
                Err(io::Error::from_raw_os_error(error))
            }
            _ => self.backend.receive(inbox, blocking),
        }
    }

    fn send(&mut self, inbox: &Inbox, outbox: &mut Outbox) {
        let number = self.sends;
        self.sends += 1;
        match self.fault {
            Fault::Send { call, error } if call == number && !outbox.answers.is_empty() => {
                let unsent = outbox.answers.remove(0);
                self.backend.send(inbox, outbox);
                for failure in &mut outbox.failures {
                    failure.answer += 1;
                }
                outbox.failures.push(Failure {
                    answer: 0,
                    datagrams: unsent.datagrams(),
                    error: io::Error::from_raw_os_error(error),
                });
                outbox.answers.insert(0, unsent);
            }
            _ => self.backend.send(inbox, outbox),
        }
    }
}

/// A worker on its own thread, and one client.
struct Fixture {
    client: UdpSocket,
    socket: Arc<Socket>,
    pipe: Option<io::PipeWriter>,
    draining: Arc<Draining>,
    counters: Arc<DatagramCounters>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug)]
struct Setting {
    batched: bool,
    shared: bool,
}

const SETTINGS: [Setting; 4] = [
    Setting {
        batched: true,
        shared: false,
    },
    Setting {
        batched: true,
        shared: true,
    },
    Setting {
        batched: false,
        shared: false,
    },
    Setting {
        batched: false,
        shared: true,
    },
];

impl Fixture {
    /// With `queued`, the worker finds these texts in its queue and the server stopping.
    fn start(setting: Setting, fault: Fault, queued: &[String]) -> Self {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        for text in queued {
            client.send(text.as_bytes()).unwrap();
        }
        let endpoint = Endpoint::internet(SocketType::Datagram, server.local_addr().unwrap());
        let socket = Arc::new(Socket::from(server));
        let backend: Box<dyn DatagramBackend> = if setting.batched {
            Box::new(BatchedBackend::new(socket.clone(), MAX_BATCH))
        } else {
            Box::new(PlainBackend::new(socket.clone()))
        };
        let (wake, pipe) = if setting.shared || !Socket::SHUTDOWN_ENDS_WAITS {
            let (reader, writer) = io::pipe().unwrap();
            (Wake::Pipe(reader), Some(writer))
        } else {
            (Wake::Shutdown, None)
        };
        let draining = Arc::new(Draining::default());
        if !queued.is_empty() {
            draining.begin();
        }
        let tally = Tally::default();
        let counters = tally.counters();
        let guard = Guard::new(&GuardOptions::default(), std::iter::empty());
        let worker = Worker {
            endpoint,
            socket: socket.clone(),
            backend: Box::new(Faulty {
                backend,
                fault,
                receives: 0,
                sends: 0,
            }),
            wake,
            spin: None,
            link: None,
            draining: draining.clone(),
            answerer: Answerer::new(Filter::new(Arc::new(guard)), tally, 65_507),
            kernel_drops: Arc::new(KernelDrops::new(socket.clone())),
            receive_errors: ReceiveErrors::default(),
        };
        Self {
            client,
            socket,
            pipe,
            draining,
            counters,
            thread: Some(std::thread::spawn(move || worker.run())),
        }
    }

    fn assert_answer(&self, text: &str, fault: Fault) {
        let mut buffer = [0; 64];
        let length = loop {
            match self.client.recv(&mut buffer) {
                // A pause of the machine (signal(7)).
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.expect("no answer"),
            }
        };
        let expected = text.to_uppercase();
        assert_eq!(&buffer[..length], expected.as_bytes(), "{fault:?}");
    }

    fn wait_for_drops(&self, count: u64) {
        let begin = Instant::now();
        while self.counters.read().dropped() < count {
            assert!(begin.elapsed() < TEST_TIMEOUT, "the drop is not counted");
            std::thread::yield_now();
        }
    }

    fn stop(mut self) -> DatagramTotals {
        self.draining.begin();
        drop(self.pipe.take());
        let _ = self.socket.shutdown(std::net::Shutdown::Read);
        self.thread.take().unwrap().join().expect("the worker died");
        self.counters.read()
    }
}

fn text(number: usize) -> String {
    format!("text number {number}")
}

#[test]
fn no_failing_receive_call_loses_a_datagram() {
    for setting in SETTINGS {
        for error in RECEIVE_ERRORS {
            // Two calls for each text where the worker polls, and one to find the queue empty.
            for call in 0..2 * TEXTS {
                let fault = Fault::Receive { call, error };
                let fixture = Fixture::start(setting, fault, &[]);
                for number in 0..TEXTS {
                    fixture.client.send(text(number).as_bytes()).unwrap();
                    fixture.assert_answer(&text(number), fault);
                }
                let totals = fixture.stop();
                assert_eq!((totals.received, totals.answered), (4, 4), "{fault:?}");
                assert_eq!(totals.dropped(), 0, "{setting:?} {fault:?}");
            }
        }
    }
}

#[test]
fn a_receive_call_that_fails_while_draining_loses_nothing() {
    let texts: Vec<String> = (0..TEXTS).map(text).collect();
    for setting in SETTINGS {
        for error in RECEIVE_ERRORS {
            if error == libc::EAGAIN {
                // It means that the queue is empty.
                continue;
            }
            for call in 0..2 {
                let fault = Fault::Receive { call, error };
                let fixture = Fixture::start(setting, fault, &texts);
                for text in &texts {
                    fixture.assert_answer(text, fault);
                }
                let totals = fixture.stop();
                assert_eq!((totals.received, totals.answered), (4, 4), "{fault:?}");
            }
        }
    }
}

#[test]
fn an_answer_that_cannot_be_sent_is_counted_under_its_cause_and_the_next_is_sent() {
    for setting in SETTINGS {
        for (error, cause) in SEND_ERRORS {
            for call in 0..TEXTS {
                let fault = Fault::Send { call, error };
                let fixture = Fixture::start(setting, fault, &[]);
                for number in 0..TEXTS {
                    fixture.client.send(text(number).as_bytes()).unwrap();
                    if number == call {
                        fixture.wait_for_drops(1);
                    } else {
                        fixture.assert_answer(&text(number), fault);
                    }
                }
                let totals = fixture.stop();
                assert_eq!((totals.received, totals.answered), (4, 3), "{fault:?}");
                assert_eq!(totals.dropped_by(cause), 1, "{setting:?} {fault:?}");
                assert_eq!(totals.dropped(), 1);
            }
        }
    }
}
