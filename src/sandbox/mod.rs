//! What a server gives up once its sockets are bound: privileges, files, system calls.
//!
//! In reading order: [`user`] changes from root to another user, [`capabilities`] drops what is left
//! of root's privileges, [`files`] closes the file system (Landlock), [`filter`] refuses all system
//! calls but those that answering needs (seccomp). [`enter`] does the last three, as far as the kernel
//! supports them.
//!
//! All of it applies to the calling thread and those that it starts later, so it belongs between
//! [`ServerBuilder::bind`](bullhorn_server::ServerBuilder::bind) and
//! [`BoundServer::start`](bullhorn_server::BoundServer::start). It cannot be undone. Only the program
//! calls it: the library never restricts a process, such as a test that runs a server.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod calls;
#[cfg(target_os = "linux")]
pub mod capabilities;
#[cfg(not(target_os = "linux"))]
#[path = "capabilities_elsewhere.rs"]
pub mod capabilities;
#[cfg(target_os = "linux")]
mod credentials;
#[cfg(target_os = "freebsd")]
#[path = "credentials_freebsd.rs"]
mod credentials;
#[cfg(target_os = "macos")]
#[path = "credentials_macos.rs"]
mod credentials;
mod error;
#[cfg(target_os = "linux")]
pub mod files;
#[cfg(not(target_os = "linux"))]
#[path = "files_elsewhere.rs"]
pub mod files;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub mod filter;
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "filter_elsewhere.rs"]
pub mod filter;
#[cfg(target_os = "linux")]
mod namespace;
mod needs;
pub mod user;
mod user_error;

pub use error::NotApplied;
pub use needs::Needs;

/// What is in force.
#[derive(Debug)]
#[non_exhaustive]
pub struct Applied {
    /// Executed programs gain no privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: bool,
    /// The kernel's Landlock ABI, or why there is no Landlock.
    pub landlock: Result<u32, NotApplied>,
    /// Whether system calls are filtered, or why not.
    pub seccomp: Result<(), NotApplied>,
}

impl Applied {
    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.no_new_privs && self.landlock.is_ok() && self.seccomp.is_ok()
    }
}

/// Gives up everything that `needs` does not name. The result reports what this kernel lacks.
pub fn enter(needs: &Needs) -> Applied {
    // A capability that cannot be dropped was not held.
    let _ = capabilities::keep_only(needs);
    Applied {
        no_new_privs: capabilities::set_no_new_privs(),
        landlock: files::close(needs),
        seccomp: filter::allow_only_needed(needs),
    }
}
