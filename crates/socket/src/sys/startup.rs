//! Whether standard output was open when the process began: before `main`, std opens /dev/null
//! instead of a closed one, and what is written there vanishes without an error.

use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether the process was started without a standard output (`>&-`).
pub fn was_stdout_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}

extern "C" fn check_stdout() {
    // SAFETY: F_GETFD has no argument and takes any number; it reads the descriptor table alone.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_CLOSED.store(flags < 0, Ordering::Relaxed);
}

// SAFETY: the loader calls every function pointer of this section once before `main`, by the C
// calling convention, in which unused arguments do no harm; the function needs nothing of std's
// runtime, which is not there yet.
#[used]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static CHECK_STDOUT: extern "C" fn() = check_stdout;
