//! Drops root's privileges (capabilities(7)).

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

use super::needs::Needs;

/// Drops every capability, except `CAP_DAC_OVERRIDE` in two cases: where root is to write to the private
/// sockets of other users, and where it has a socket file to remove, perhaps from another user's
/// directory. Not the latter where Unix datagrams are answered: their senders choose which path root
/// writes to. The next start reuses a file that could not be removed.
///
/// # Errors
/// The kernel's, although any process may drop capabilities.
pub fn keep_only(needs: &Needs) -> io::Result<()> {
    let has_files_only = !needs.unix_datagrams && !needs.directories.is_empty();
    if needs.private_sockets || has_files_only {
        keep(CapabilitySet::DAC_OVERRIDE)
    } else {
        give_up_all()
    }
}

/// Drops every capability.
///
/// # Errors
/// The kernel's, although any process may drop capabilities.
pub fn give_up_all() -> io::Result<()> {
    keep(CapabilitySet::empty())
}

/// Whether the process may become any user and group.
pub(super) fn may_change_user() -> bool {
    capabilities(None).is_ok_and(|held| {
        let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
        held.effective.contains(needed)
    })
}

/// Keeps executed programs from gaining privileges; returns whether it could.
pub(super) fn set_no_new_privs() -> bool {
    rustix::thread::set_no_new_privs(true).is_ok()
}

/// Keeps programs executed later from gaining a capability. Only root may do this (`CAP_SETPCAP`), and
/// only root's programs would gain any.
pub(super) fn empty_bounding_set() {
    for capability in CapabilitySet::all().iter() {
        let _ = remove_capability_from_bounding_set(capability);
    }
}

fn keep(wanted: CapabilitySet) -> io::Result<()> {
    empty_bounding_set();
    clear_ambient_capability_set()?;
    let held = capabilities(None)?;
    if (held.permitted | held.inheritable) & !wanted == CapabilitySet::empty() {
        return Ok(());
    }
    let kept = CapabilitySets {
        effective: held.effective & wanted,
        permitted: held.permitted & wanted,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, kept)?)
}
