//! Builds the C peers and generators with `cc`, and finds the other tools. Nothing is rebuilt while
//! its binary is newer than every C source.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const PEERS: [&str; 4] = ["udp_recvfrom", "udp_recvmmsg", "udp_gro", "tcp_epoll"];
const GENERATORS: [&str; 2] = ["udp", "tcp"];

/// The files that are not part of this binary.
pub(crate) struct Tools {
    directory: PathBuf,
    /// The program under test.
    pub(crate) bullhorn: PathBuf,
    /// `benches/peers/server.py`
    pub(crate) python_server: PathBuf,
}

impl Tools {
    pub(crate) fn peer(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn generator(&self, name: &str) -> PathBuf {
        self.directory.join(format!("generator_{name}"))
    }

    /// A file for texts, which lives as long as the build directory.
    pub(crate) fn text_file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Whether a program is in the PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

pub(crate) fn build() -> Result<Tools, Failure> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let bullhorn = std::env::var_os("BULLHORN_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_bullhorn")),
        PathBuf::from,
    );
    let tools = Tools {
        directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join("servers"),
        bullhorn,
        python_server: benches.join("peers/server.py"),
    };
    std::fs::create_dir_all(&tools.directory)?;
    let peers = PEERS.map(|name| (benches.join(format!("peers/{name}.c")), tools.peer(name)));
    let generators = GENERATORS.map(|name| {
        (
            benches.join(format!("generator/{name}.c")),
            tools.generator(name),
        )
    });
    let sources_changed = newest_source(&benches)?;
    for (source, binary) in peers.iter().chain(&generators) {
        if modified(binary).is_none_or(|built| built <= sources_changed) {
            compile(source, binary)?;
        }
    }
    Ok(tools)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata()
        .and_then(|metadata| metadata.modified())
        .ok()
}

fn newest_source(benches: &Path) -> Result<SystemTime, Failure> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for directory in ["peers", "generator"] {
        for entry in std::fs::read_dir(benches.join(directory))? {
            newest = newest.max(entry?.metadata()?.modified()?);
        }
    }
    Ok(newest)
}

fn compile(source: &Path, binary: &Path) -> Result<(), Failure> {
    let output = Command::new("cc")
        .args(["-O3", "-march=native", "-Wall", "-Wextra", "-o"])
        .args([binary, source])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("cc failed to build {}: {errors}", source.display()).into())
}
