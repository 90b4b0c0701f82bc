//! `belljar new`: the files that it writes, the commands that it prints, and the names that it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Server, program, user_shell, without_cargo};
use tempfile::TempDir;

const LANGUAGES: [&str; 3] = ["rust", "python", "js"];
const CONTRACTS: [&str; 2] = ["belljar", "wasi-http"];

#[test]
fn creates_a_project_for_each_language_and_contract() {
    let rust = ["Cargo.toml", "build.rs", "src/lib.rs", "src/runtime.rs"];
    let rust_program = ["Cargo.toml", "src/main.rs"];
    let python = [
        "app.py",
        "requirements.txt",
        "tools/build.py",
        "tools/wit/belljar/deps/clocks.wit",
        "tools/wit/belljar/deps/filesystem.wit",
        "tools/wit/belljar/deps/io.wit",
        "tools/wit/belljar/handler.wit",
        "tools/wit/http/deps/clocks.wit",
        "tools/wit/http/deps/http.wit",
        "tools/wit/http/deps/io.wit",
        "tools/wit/http/handler.wit",
        "tools/wsgi_component/__init__.py",
        "tools/wsgi_component/asgi.py",
        "tools/wsgi_component/environment.py",
        "tools/wsgi_component/files.py",
        "tools/wsgi_component/gateway.py",
        "tools/wsgi_component/modules.py",
        "tools/wsgi_component/outbound.py",
        "tools/wsgi_component/over_belljar.py",
        "tools/wsgi_component/over_http.py",
        "tools/wsgi_component/snapshot.py",
    ];
    // Both contracts: the script decides which one it implements.
    let js = [
        "handler.js",
        "package.json",
        "tools/build.js",
        "tools/runtime/bodies.js",
        "tools/runtime/event_loop.js",
        "tools/runtime/fetch.js",
        "tools/runtime/form_data.js",
        "tools/runtime/phase.js",
        "tools/runtime/serve.js",
        "tools/runtime/web.js",
        "tools/wit/belljar/deps/clocks.wit",
        "tools/wit/belljar/deps/filesystem.wit",
        "tools/wit/belljar/deps/io.wit",
        "tools/wit/belljar/handler.wit",
        "tools/wit/wasi-http/deps/cli.wit",
        "tools/wit/wasi-http/deps/clocks.wit",
        "tools/wit/wasi-http/deps/http.wit",
        "tools/wit/wasi-http/deps/io.wit",
        "tools/wit/wasi-http/handler.wit",
    ];
    let belljar = [
        "wit/deps/clocks.wit",
        "wit/deps/filesystem.wit",
        "wit/deps/io.wit",
        "wit/handler.wit",
    ];
    let cases: [(&str, &str, &[&str], &[&str]); 6] = [
        ("rust", "belljar", &rust, &belljar),
        ("rust", "wasi-http", &rust_program, &[]),
        ("python", "belljar", &python, &[]),
        ("python", "wasi-http", &python, &[]),
        ("js", "belljar", &js, &[]),
        ("js", "wasi-http", &js, &[]),
    ];
    for (language, contract, sources, interfaces) in cases {
        let what = format!("{language} {contract}");
        let place = folder();
        let ended = new(
            &place,
            &["my-jar", "--lang", language, "--contract", contract],
        );
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{what}");

        let files = contents(&place.path().join("my-jar"));
        let mut expected = [
            &[".gitignore", "README.md", "belljar.toml"],
            sources,
            interfaces,
        ]
        .concat();
        expected.sort_unstable();
        assert_eq!(files.keys().collect::<Vec<_>>(), expected, "{what}");
        for (path, text) in &files {
            assert!(
                !text.contains("{{"),
                "{what}: {path} has an unfilled placeholder"
            );
        }
        let greets = files
            .values()
            .any(|text| text.contains("Hello from my-jar!"));
        assert!(greets, "{what}: the greeting has the name of the project");

        let printed = steps(&ended.stdout);
        assert_eq!(printed[0], "cd my-jar", "{what}");
        let last = printed.last().expect("commands are printed");
        assert!(last.ends_with(" dev"), "{what}: {last}");
        let readme = steps(&files["README.md"]);
        assert_eq!(readme[0], "belljar dev", "{what}");
        for step in readme[1..readme.len() - 1]
            .iter()
            .filter(|step| !step.starts_with("rustup "))
        {
            assert!(
                files["belljar.toml"].contains(step),
                "{what}: belljar.toml lacks {step}"
            );
        }
    }
}

/// A new project must implement the contract that this server runs.
#[test]
fn copies_the_contract_of_this_repository() {
    let place = folder();
    new(&place, &["my-jar", "--lang", "python"]);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    assert_eq!(
        contents(&place.path().join("my-jar/tools/wit/belljar")),
        contents(&repository),
        "belljar's contract is the default"
    );
}

#[test]
fn leaves_existing_files_and_folders_unchanged() {
    let place = folder();
    let at = |name: &str| place.path().join(name);
    fs::create_dir(at("folder")).expect("a folder can be created");
    fs::create_dir(at("empty")).expect("a folder can be created");
    fs::write(at("folder/Cargo.toml"), "mine").expect("a file can be written");
    fs::write(at("file"), "mine").expect("a file can be written");
    std::os::unix::fs::symlink("nowhere", at("link")).expect("a link can be created");
    for name in ["folder", "empty", "file", "link"] {
        for language in LANGUAGES {
            let ended = new(&place, &[name, "--lang", language]);
            assert_eq!(ended.code, Some(2), "{name}");
            assert!(
                ended
                    .stderr
                    .contains(&format!("the folder {name}: it already exists")),
                "{}",
                ended.stderr
            );
            assert_eq!(ended.stdout, "", "{name}");
        }
    }
    let files = contents(place.path());
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    assert_eq!(files, [("file", "mine"), ("folder/Cargo.toml", "mine")]);
}

#[test]
fn rejects_invalid_names_and_choices() {
    let place = folder();
    for (arguments, word) in [
        (&["../outside", "--lang", "rust"][..], "lower-case letters"),
        (&["/tmp/outside", "--lang", "rust"], "lower-case letters"),
        (&["..", "--lang", "rust"], "lower-case letters"),
        (&["Hello", "--lang", "js"], "lower-case letters"),
        (
            &["9lives", "--lang", "python"],
            "begin the name with a letter",
        ),
        (&["fn", "--lang", "rust"], "choose another name"),
        (&["", "--lang", "rust"], "begin the name with a letter"),
        (&["jar", "--lang", "cobol"], "rust, python, js"),
        (
            &["jar", "--lang", "rust", "--contract", "cgi"],
            "belljar, wasi-http",
        ),
        (&["--lang", "rust"], "<NAME>"),
    ] {
        let ended = new(&place, arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(
            ended.stderr.contains(word),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    assert!(contents(place.path()).is_empty());
}

/// Rust is the default. The commands run exactly as the README has them.
#[test]
fn the_commands_of_the_readme_and_dev_build_and_serve_a_handler() {
    let place = folder();
    let ended = new(&place, &["my-jar"]);
    let project = place.path().join("my-jar");
    let mut commands = steps(&contents(&project)["README.md"]);
    let serve = commands.pop().expect("the README has commands");
    // Not on machines without a network. The test command has installed the target.
    commands.retain(|command| !command.starts_with("rustup ") && command != "belljar dev");
    let build = format!("cd my-jar && {}", commands.join(" && "));

    let built = shell(&place, &build);
    assert!(
        built.status.success(),
        "{build}: {}",
        String::from_utf8_lossy(&built.stderr)
    );

    let (_, component) = serve
        .split_once("belljar serve --handler ")
        .unwrap_or_else(|| panic!("the last command serves the handler: {serve}"));
    let server = Server::options()
        .arg("--handler")
        .arg(place.path().join("my-jar").join(component))
        .start();
    let answer = server.get("/");
    assert_eq!((answer.status, answer.text().as_str()), (200, PAGE));
    assert_eq!(server.get("/other").status, 404);
    drop(server);
    let printed = steps(&ended.stdout);
    assert_eq!(
        printed.last(),
        Some(&format!("{} dev", program().display())),
        "the program is not on the PATH, so its path is printed"
    );
    let server = Server::of_project(&project).command(without_cargo).start();
    server.wait_for_text("/", PAGE);
    assert!(
        !server.log().contains(" running "),
        "what is built already is not built again: {}",
        server.log()
    );

    // As the comment in src/lib.rs says.
    let source = project.join("src/lib.rs");
    let text = fs::read_to_string(&source).expect("the source can be read");
    let (before, after) = text
        .split_once("delete the next three lines.\n")
        .expect("the comment is there");
    let after: Vec<_> = after.lines().skip(3).collect();
    let text = format!(
        "{before}\n{}\npub fn uses_std() -> std::path::PathBuf {{ \"/\".into() }}\n",
        after.join("\n")
    );
    fs::write(&source, text.replace("Hello", "Bye")).expect("the source can be written");
    server.wait_for_text("/", &PAGE.replace("Hello", "Bye"));
}

const PAGE: &str = "<!doctype html>\n<h1>Hello from my-jar!</h1>\n";

/// Checked for every language and contract, without building them.
#[test]
fn the_configuration_and_the_last_command_serve_the_built_component() {
    for language in LANGUAGES {
        for contract in CONTRACTS {
            let place = folder();
            new(
                &place,
                &["my-jar", "--lang", language, "--contract", contract],
            );
            let files = contents(&place.path().join("my-jar"));
            let steps = steps(&files["README.md"]);
            let component = match (language, contract) {
                ("rust", "belljar") => "target/wasm32-wasip2/release/my_jar.wasm",
                ("rust", _) => "target/wasm32-wasip2/release/my-jar.wasm",
                _ => "my-jar.wasm",
            };
            let last = steps.last().expect("commands are printed");
            assert!(
                last.ends_with(&format!(" serve --handler {component}")),
                "{language} {contract}: {last}"
            );
            let config = &files["belljar.toml"];
            assert!(
                config.contains(&format!("\ncomponent = \"{component}\"\n")),
                "{language} {contract}: {config}"
            );
        }
    }
}

fn folder() -> TempDir {
    TempDir::with_prefix("belljar-new-").expect("a temporary folder can be created")
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `belljar new` in a folder.
fn new(place: &TempDir, arguments: &[&str]) -> Ended {
    let output = Command::new(program())
        .arg("new")
        .args(arguments)
        .current_dir(place.path())
        .output()
        .expect("the program starts");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The printed commands: the indented lines.
fn steps(output: &str) -> Vec<String> {
    let lines = output.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(str::to_owned).collect()
}

fn shell(place: &TempDir, script: &str) -> Output {
    let mut shell = user_shell(script, place.path());
    shell.output().expect("the shell starts")
}

/// The content of each file below a folder, by its path in the folder.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("the folder can be listed") {
            let entry = entry.expect("the folder can be listed");
            let kind = entry.file_type().expect("an entry has a type");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let name = path
                    .strip_prefix(folder)
                    .expect("the path is below the folder")
                    .display()
                    .to_string();
                files.insert(name, fs::read_to_string(path).expect("the file is text"));
            }
        }
    }
    files
}
