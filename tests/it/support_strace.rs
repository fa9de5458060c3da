//! Programs under strace(1), which delays their calls or lets them fail. What comes of it is tested where the
//! calls belong, above all in `faults`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{bullhorn, clean, find_program, skipped};

/// strace with `expressions`, as in `inject=listen:error=EIO`; the program is to follow. With -D the program is
/// our own child, and strace ends with it.
pub fn tracer(log: &Path, expressions: &[&str]) -> Option<Command> {
    let mut command = clean(Command::new(find_program("strace")?));
    command.args(["-D", "-f", "-qq", "-o"]).arg(log);
    for expression in expressions {
        command.args(["-e", expression]);
    }
    Some(command)
}

/// The program under test with some system calls tampered with. `None`, with a line that says why,
/// where this is not possible.
pub fn tampered_bullhorn(expressions: &[&str]) -> Option<Command> {
    let nowhere = Path::new("/dev/null");
    let works = tracer(nowhere, expressions)?.arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        skipped("strace may not trace here, or cannot tamper with calls");
        return None;
    }
    let mut command = tracer(nowhere, expressions)?;
    command.arg(bullhorn().get_program()).stdin(Stdio::null());
    Some(command)
}
