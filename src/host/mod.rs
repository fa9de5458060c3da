//! The machine around the service: the service manager that started it, and the limits it runs
//! under.

pub(crate) mod descriptors;
pub(crate) mod service_manager;
