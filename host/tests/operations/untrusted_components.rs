//! Components that are hostile to the compiler: the server neither compiles them nor waits for them.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{
    Server, Site, WAIT_LIMIT, answering, belljar, deny_executable_memory, exploding, handler_of,
    processes_below,
};
use rustix::process::{Pid, Signal, kill_process};

/// Starts a server with the folder `handlers`.
fn serve(site: &Site, limit: &str, arguments: &str) -> Server {
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    Server::options_under(limit)
        .arg("--handlers")
        .arg(site.at("handlers"))
        .args(arguments)
        .command(|command| {
            command.env("XDG_CACHE_HOME", site.at("cache"));
        })
        .start()
}

/// Each of these took seconds in the serving process, or could: the compiler got them within its limits, and the server
/// went on alone where the compiler had failed.
#[test]
fn refused_components_cost_the_server_no_cpu_time() {
    let site = Site::new(&[]);
    let server = serve(&site, "-c 0", "--compile-timeout 1s");
    refuse_hostile_components(&site, &server);
}

/// A limit on the size of files stands for a full disk: no artefact fits, but the small images of memories do.
#[test]
fn a_full_cache_removes_no_limit() {
    let site = Site::new(&[]);
    site.write("handlers/sound.wasm", &answering("sound"));
    let server = serve(&site, "-f 16 && trap '' XFSZ", "--compile-timeout 1s");
    server.wait_for_log("the full cache", |line| {
        line.contains("is not cached") && line.contains("free space")
    });
    assert_eq!(server.get("/sound").text(), "sound");
    refuse_hostile_components(&site, &server);
    assert_eq!(server.get("/sound").text(), "sound");
}

fn refuse_hostile_components(site: &Site, server: &Server) {
    for (name, bytes, reason) in [
        ("memories", three_memories(), "at most 2 memories"),
        ("time", exploding(2_500, 2_500), "--compile-"),
        ("names", many_imports(), "more than 1000 imports"),
        ("functions", many_functions(), "not a WebAssembly component"),
    ] {
        let before = server.cpu_time();
        site.write(&format!("handlers/{name}.wasm"), &bytes);
        let file = format!("{name}.wasm: ");
        let line = server.wait_for_log(name, |line| line.contains(&file));
        assert!(line.contains(reason), "{name}: {line}");
        let used = server.cpu_time() - before;
        assert!(
            used < Duration::from_millis(700),
            "the server used {used:?} for {name}"
        );
    }
}

#[test]
fn reports_a_compiler_that_was_killed() {
    let site = Site::new(&[]);
    let server = serve(&site, "-c 0", "--compile-memory 16GiB");
    site.write("handlers/a.wasm", &exploding(5_000, 4_000));
    let begin = Instant::now();
    let compiler = loop {
        let processes = processes_below(server.process_id());
        let found = processes
            .into_iter()
            .find(|(_, arguments)| arguments.contains("--seconds"));
        if let Some((process, _)) = found {
            break process;
        }
        assert!(begin.elapsed() < WAIT_LIMIT, "{}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    };
    let compiler = i32::try_from(compiler).ok().and_then(Pid::from_raw);
    kill_process(compiler.expect("the process runs"), Signal::KILL)
        .expect("the signal can be sent");
    let line = server.wait_for_log("the refusal", |line| line.contains("a.wasm: "));
    assert!(line.contains("killed") && line.contains("memory"), "{line}");
}

#[test]
fn names_the_cause_where_memory_cannot_be_executable() {
    let site = Site::new(&[("index.html", "page")]);
    let mut command = belljar();
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .arg(site.path());
    deny_executable_memory(&mut command);
    let output = match command.output() {
        Ok(output) => output,
        // Linux before 6.3.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => return,
        Err(error) => panic!("the program does not start: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("MemoryDenyWriteExecute"), "{said}");
    assert!(!said.contains("not a WebAssembly component"), "{said}");
}

/// The nested component supplies the imports of the outer main module itself.
#[test]
fn a_module_in_two_components_keeps_the_imports_of_each() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &handler_of(NESTED));
    let server = serve(&site, "-c 0", "");
    let answer = server.get("/a");
    server.wait_for_log("the request", |line| line.contains("GET /a"));
    assert_eq!(answer.body.len(), 1734, "{}", server.log());
}

/// The module traps at its start unless the first two imports add up to the third.
const NESTED: &str = r#"
(core module $module
  (import "numbers" "first" (func $first (result i32)))
  (import "numbers" "second" (func $second (result i32)))
  (import "numbers" "sum" (func $sum (result i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 8192))
  (func $begin
    (if (i32.ne (i32.add (call $first) (call $second)) (call $sum)) (then unreachable)))
  (start $begin)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -16)))))
  (func (export "handle") (param i32) (result i32)
    (i32.store16 (i32.const 0) (i32.const 200))
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 28) (call $sum))
    (i32.const 0)))
(core module $constants
  (func (export "1734") (result i32) (i32.const 1734))
  (func (export "1700") (result i32) (i32.const 1700))
  (func (export "34") (result i32) (i32.const 34))
  (func (export "0") (result i32) (i32.const 0)))
(component $nested
  (alias outer 1 $module (core module $module))
  (alias outer 1 $constants (core module $constants))
  (core instance $constants (instantiate $constants))
  (core instance $numbers
    (export "first" (func $constants "1700"))
    (export "second" (func $constants "0"))
    (export "sum" (func $constants "1700")))
  (core instance $inner (instantiate $module (with "numbers" (instance $numbers)))))
(instance $nested (instantiate $nested))
(core instance $constants (instantiate $constants))
(core instance $numbers
  (export "first" (func $constants "1700"))
  (export "second" (func $constants "34"))
  (export "sum" (func $constants "1734")))
(core instance $main (instantiate $module (with "numbers" (instance $numbers))))
"#;

/// More memories than the pool has for an instance.
fn three_memories() -> Vec<u8> {
    let memories = "(core module $memory (memory 1))
        (core instance (instantiate $memory)) (core instance (instantiate $memory))";
    let body = "(local.set 1 (i32.add (local.get 0) (local.get 1)))".repeat(100);
    let functions = format!("(func (param i32) (local i32) {body})").repeat(10);
    handler_of(&format!(
        r#"{memories}
        (core module $code {functions})
        (core instance (instantiate $code))
        (core module $module
          (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
          (func (export "handle") (param i32) (result i32) (i32.const 0)))
        (core instance $main (instantiate $module))"#
    ))
}

/// More names than any handler needs.
fn many_imports() -> Vec<u8> {
    let imports: String = (0..2_000)
        .map(|number| format!("(import \"a:b/c{number}\" (instance))"))
        .collect();
    wat::parse_str(format!("(component {imports})")).expect("the text is a component")
}

/// Many functions, the last of which is not valid.
fn many_functions() -> Vec<u8> {
    let functions = "(func (result i32) (i32.const 1))".repeat(1_000);
    handler_of(&format!(
        r#"(core module $module
          (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
          (func (export "handle") (param i32) (result i32) (i32.const 0))
          {functions}
          (func (result i32) (i64.const 1)))
        (core instance $main (instantiate $module))"#
    ))
}
