//! The machine around the service: the service manager that started it, and the limits of its
//! process.

#[cfg(target_os = "linux")]
mod abstract_name;
#[cfg(not(target_os = "linux"))]
#[path = "abstract_name_elsewhere.rs"]
mod abstract_name;
pub(crate) mod descriptors;
pub(crate) mod service_manager;
