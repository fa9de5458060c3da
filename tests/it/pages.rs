//! The man pages and the completions: made from the definition of the arguments, so they know every verb.

use std::process::Command;

use crate::support::{bullhorn, find_program, run, run_bullhorn};

const VERBS: [&str; 5] = ["serve", "send", "ping", "bench", "demo"];

#[test]
fn the_man_page_names_every_verb() {
    let ended = run_bullhorn(["man"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let page = ended.text();
    assert!(page.contains(".TH bullhorn 1"), "{page}");
    for verb in VERBS {
        assert!(page.contains(&format!("bullhorn\\-{verb}(1)")), "{verb}");
    }
}

#[test]
fn a_directory_gets_a_page_for_each_verb_with_its_flags() {
    let directory = tempfile::tempdir().unwrap();
    let ended = run(bullhorn().arg("man").arg(directory.path()), b"");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let page = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    assert!(page("bullhorn.1").contains(".TH bullhorn 1"));
    for verb in VERBS {
        let name = format!("bullhorn-{verb}");
        assert!(page(&format!("{name}.1")).contains(&format!(".TH {name} 1")));
    }
    assert!(page("bullhorn-serve.1").contains("\\-\\-loop\\-guard"));
    for verb in VERBS {
        let page = page(&format!("bullhorn-{verb}.1"));
        for section in [
            "NAME",
            "SYNOPSIS",
            "OPTIONS",
            "ENVIRONMENT",
            "\"EXIT STATUS\"",
            "EXAMPLES",
            "\"SEE ALSO\"",
        ] {
            assert!(
                page.contains(&format!(".SH {section}\n")),
                "{verb} {section}"
            );
        }
        let (_, others) = page.split_once(".SH \"SEE ALSO\"\n").unwrap();
        let names = others
            .split([',', ' ', '\n'])
            .filter_map(|name| name.strip_suffix("(1)"));
        for name in names.map(|name| name.replace('\\', "")) {
            let path = directory.path().join(format!("{name}.1"));
            assert!(path.exists(), "{verb}: {name}");
        }
    }
}

#[test]
fn a_missing_directory_is_a_local_error() {
    let ended = run_bullhorn(["man", "/does/not/exist"]);
    assert_eq!((ended.code, ended.text().as_str()), (7, ""));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn the_completions_of_each_shell_name_every_verb() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run_bullhorn(["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{shell}");
        for verb in VERBS {
            assert!(ended.text().contains(verb), "{shell} {verb}");
        }
    }
}

#[test]
fn bash_completes_a_verb() {
    let Some(bash) = find_program("bash") else {
        return;
    };
    let script = "source /dev/stdin; COMP_WORDS=(bullhorn ser); COMP_CWORD=1
        _bullhorn bullhorn ser bullhorn; echo \"${COMPREPLY[*]}\"";
    let completions = run_bullhorn(["completions", "bash"]).stdout;
    let ended = run(Command::new(bash).args(["-c", script]), &completions);
    assert_eq!(ended.text(), "serve\n", "{}", ended.stderr);
}

#[test]
fn groff_renders_the_man_pages_without_a_warning() {
    let Some(groff) = find_program("groff") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    run(bullhorn().arg("man").arg(directory.path()), b"");
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap().path();
        let mut command = Command::new(&groff);
        let ended = run(command.args(["-man", "-Tutf8", "-ww"]).arg(&file), b"");
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{file:?}");
    }
}
