//! What a server gives up when its sockets are bound: privileges, files, system calls.
//!
//! In reading order: [`user`] is the way down from root, [`capabilities`] what is left of root's
//! powers, [`files`] closes the file system (Landlock), [`calls`] all system calls but those that
//! answering needs (seccomp). [`enter`] does the last three, as far as the kernel has them.
//!
//! All of it holds for the calling thread and those that it starts later, so it belongs between
//! [`ServerBuilder::bind`](bullhorn_server::ServerBuilder::bind) and
//! [`BoundServer::start`](bullhorn_server::BoundServer::start). It cannot be undone. That it is done
//! is the program's decision: nothing in the library calls it, and a server inside somebody's test
//! is never restricted.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub mod calls;
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "calls_elsewhere.rs"]
pub mod calls;
pub mod capabilities;
mod error;
#[cfg(target_os = "linux")]
pub mod files;
#[cfg(not(target_os = "linux"))]
#[path = "files_elsewhere.rs"]
pub mod files;
mod namespace;
mod needs;
pub mod user;

pub use error::NotApplied;
pub use needs::Needs;

/// What came into force.
#[derive(Debug)]
#[non_exhaustive]
pub struct Applied {
    /// Programs that are executed gain nothing (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: bool,
    /// The kernel's Landlock ABI, or why there is no Landlock.
    pub landlock: Result<u32, NotApplied>,
    /// Whether system calls are filtered, or why not.
    pub seccomp: Result<(), NotApplied>,
}

impl Applied {
    /// Nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.no_new_privs && self.landlock.is_ok() && self.seccomp.is_ok()
    }
}

/// Gives up all that `needs` does not name. What this kernel does not have is left out, and said.
pub fn enter(needs: &Needs) -> Applied {
    // One that cannot be given up was not held.
    let _ = capabilities::keep_only(needs);
    Applied {
        no_new_privs: rustix::thread::set_no_new_privs(true).is_ok(),
        landlock: files::close(needs),
        seccomp: calls::allow_only_needed(needs),
    }
}
