//! Reports a panic of any thread in one line on standard error, like every other error.

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::thread;

use super::stderr;
use bullhorn_socket::visible::Visible;

/// Replaces std's report, which panics itself where standard error cannot be written.
pub(super) fn report() {
    panic::set_hook(Box::new(|panic| stderr::log(line(panic).as_bytes())));
}

fn line(panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let location = panic.location().map(|at| format!(" at {at}"));
    format!(
        "bullhorn: thread {} panicked{}: {}; please report this as a bug\n",
        thread.name().unwrap_or("without a name"),
        location.unwrap_or_default(),
        Visible(text(panic.payload()))
    )
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}
