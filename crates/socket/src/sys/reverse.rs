//! The name of an address: getnameinfo(3).

use std::ffi::CStr;
use std::ptr;

use crate::address::Address;

/// NI_MAXHOST of netdb.h: the longest name, with the zero behind it.
const MAX_NAME: usize = 1025;

/// The name that the system's resolver has for this address, if it has one. Waits for as long as
/// the resolver does.
pub(crate) fn name_of(address: &Address) -> Option<String> {
    let mut name = [0_u8; MAX_NAME];
    // SAFETY: the address pointer is to `len` initialised bytes, and the buffer pointer to as many
    // writable bytes as the length beside it; both are borrowed by this function until the call
    // returns. A null service of length 0 is allowed.
    let result = unsafe {
        libc::getnameinfo(
            address.0.as_ptr().cast(),
            address.0.len(),
            name.as_mut_ptr().cast(),
            name.len() as _,
            ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    (result == 0).then(|| name.to_string_lossy().into_owned())
}
