//! The signals that end a server: SIGTERM, SIGINT (Ctrl-C) and SIGHUP (its terminal is gone).

use std::io;

use signal_hook::consts::SIGHUP;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::signals::ending;

pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// nohup(1) has it ignored, and so it stays.
    hang_up: Option<Signal>,
}

impl StopSignals {
    /// Takes the signals from now on, in the context of a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: ending()
                .contains(&SIGHUP)
                .then(|| signal(SignalKind::hangup()))
                .transpose()?,
        })
    }

    /// Waits for one of them.
    pub(super) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            () = received(self.hang_up.as_mut()) => SignalKind::hangup(),
        }
    }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
