//! Programs under strace(1), which delays their calls or makes them fail. The effects are tested by
//! topic, mostly in `faults`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{bullhorn, clean, find_program, skipped};

/// strace with `expressions`, as in `inject=listen:error=EIO`; append the program. With -D the
/// program is our own child, and strace ends with it.
pub fn tracer(log: &Path, expressions: &[&str]) -> Option<Command> {
    let mut command = clean(Command::new(find_program("strace")?));
    command.args(["-D", "-f", "-qq", "-o"]).arg(log);
    for expression in expressions {
        command.args(["-e", expression]);
    }
    Some(command)
}

/// The program under test with some system calls tampered with. `None`, with a line that gives the
/// reason, where this is not possible.
pub fn tampered_bullhorn(expressions: &[&str]) -> Option<Command> {
    let nowhere = Path::new("/dev/null");
    let works = tracer(nowhere, expressions)?.arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        skipped("strace is not permitted to trace here, or cannot tamper with calls");
        return None;
    }
    let mut command = tracer(nowhere, expressions)?;
    command.arg(bullhorn().get_program()).stdin(Stdio::null());
    Some(command)
}
