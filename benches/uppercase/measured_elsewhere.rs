//! Nothing is measured elsewhere than on Linux.

pub(super) fn run() {
    println!("uppercase: skipped: criterion is a dependency on Linux only");
}
