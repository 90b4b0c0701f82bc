//! Attacks on a folder with write access, and on what lies around it.

use std::hint::black_box;

use crate::query::Query;
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DirectoryEntryStream, ErrorCode, OpenFlags, PathFlags,
};
use crate::{Body, File, Response, line, no_such_attack, text};

pub fn run(attack: &str, query: &Query) -> Response {
    let Some((root, _)) = get_directories().into_iter().next() else {
        return text("no folder\n");
    };
    let n = query.number("n", 100) as usize;
    let path = query.text("path");
    match attack {
        "paths-out" => text(paths_out(&root)),
        "links-out" => text(links_out(&root)),
        "swapped-links" => text(swap_links(&root, n)),
        "through-swapped-links" => text(read_through_links(&root, n)),
        "renames" => text(renames(&root)),
        "strange-names" => text(strange_names(&root)),
        "deep-folders" => text(deep_folders(root, n)),
        "link-loops" => text(link_loops(&root)),
        "huge-files" => text(huge_files(&root)),
        "fifo" => text(line("open", open(&root, path, DescriptorFlags::READ))),
        "fifo-for-writing" => text(line("open", open(&root, path, DescriptorFlags::WRITE))),
        "read-fifo" => match open(&root, path, DescriptorFlags::READ) {
            Ok(fifo) => text(line("read", fifo.read(1, 0))),
            Err(error) => text(line("open", Err::<(), _>(error))),
        },
        "list" => text(list(&root, n)),
        "open-files" => text(open_files(&root, n)),
        "open-folders" => {
            let open = |_| root.open_at(none(), ".", OpenFlags::DIRECTORY, DescriptorFlags::READ);
            let kept: Vec<_> = (0..n).map_while(|n| open(n).ok()).collect();
            text(format!("{} folders\n", kept.len()))
        }
        "streams" => match create(&root, "streams") {
            Ok(file) => {
                let kept: Vec<_> = (0..n)
                    .map_while(|n| file.read_via_stream(n as u64).ok())
                    .collect();
                text(format!("{} streams\n", kept.len()))
            }
            Err(error) => text(format!("{error:?}\n")),
        },
        "endless-stat" => endless(|| root.stat_at(none(), "missing")),
        "endless-open" => endless(|| open(&root, "file.txt", DescriptorFlags::READ)),
        "endless-create" => endless(|| {
            let file = create(&root, "made");
            let _ = root.unlink_file_at("made");
            file
        }),
        "endless-read" => match open(&root, "file.txt", DescriptorFlags::READ) {
            Ok(file) => endless(|| file.read(1 << 20, 0)),
            Err(error) => text(format!("{error:?}\n")),
        },
        "endless-write" => match create(&root, "written") {
            Ok(file) => endless(|| file.write(&[b'x'; 100_000], 0)),
            Err(error) => text(format!("{error:?}\n")),
        },
        "endless-listing" => endless(|| root.read_directory().map(|list| count(&list))),
        "endless-sync" => match create(&root, "synced") {
            Ok(file) => endless(|| file.sync()),
            Err(error) => text(format!("{error:?}\n")),
        },
        "endless-links" => endless(|| {
            let _ = root.symlink_at("target", "link");
            root.unlink_file_at("link")
        }),
        // The server sends the file after it was made shorter.
        "shrunk" => match create(&root, "shrunk") {
            Ok(file) => {
                let sized = file.set_size(1 << 20).and_then(|()| file.set_size(0));
                match sized.and_then(|()| open(&root, "shrunk", DescriptorFlags::READ)) {
                    Ok(descriptor) => Response {
                        status: 200,
                        headers: Vec::new(),
                        body: Body::File(File {
                            descriptor,
                            offset: 0,
                            length: 1 << 20,
                        }),
                    },
                    Err(error) => text(format!("{error:?}\n")),
                }
            }
            Err(error) => text(format!("{error:?}\n")),
        },
        _ => no_such_attack(),
    }
}

/// Every function that takes a path, with paths that lead out.
fn paths_out(root: &Descriptor) -> String {
    let outside = [
        "..",
        "../secret.txt",
        "/etc/passwd",
        "//etc/passwd",
        "../../../../../../../../etc/passwd",
        "folder/../../secret.txt",
        "./.././secret.txt",
        "folder/../..",
        "/proc/self/environ",
        "../site/../secret.txt",
    ];
    let mut report = String::new();
    for path in outside {
        report += &line(
            &format!("open {path}"),
            open(root, path, DescriptorFlags::READ),
        );
        report += &line(&format!("follow {path}"), root.stat_at(FOLLOW, path));
        report += &line(&format!("stat {path}"), root.stat_at(none(), path));
        report += &line(
            &format!("link {path}"),
            root.link_at(none(), path, root, "stolen"),
        );
        report += &line(
            &format!("rename {path}"),
            root.rename_at(path, root, "stolen"),
        );
        report += &line(&format!("read link {path}"), root.readlink_at(path));
        report += &line(&format!("remove {path}"), root.unlink_file_at(path));
        report += &line(
            &format!("remove folder {path}"),
            root.remove_directory_at(path),
        );
        report += &line(&format!("hash {path}"), root.metadata_hash_at(FOLLOW, path));
    }
    report
}

/// Every function that follows a link, with links that the handler has planted.
fn links_out(root: &Descriptor) -> String {
    let mut report = String::new();
    for target in [
        "/etc",
        "..",
        "../..",
        "folder/../..",
        "/",
        "/proc/self/root",
    ] {
        let _ = root.unlink_file_at("planted");
        if root.symlink_at(target, "planted").is_err() {
            continue;
        }
        for path in ["planted/secret.txt", "planted/passwd", "planted/etc/passwd"] {
            let what = |call: &str| format!("{call} {path} by {target}");
            report += &line(&what("open"), open(root, path, DescriptorFlags::READ));
            report += &line(&what("stat"), root.stat_at(FOLLOW, path));
            report += &line(&what("link"), root.link_at(none(), path, root, "stolen"));
            report += &line(&what("rename"), root.rename_at(path, root, "stolen"));
            report += &line(&what("remove"), root.unlink_file_at(path));
        }
        let what = |call: &str| format!("{call} by {target}");
        report += &line(&what("create"), create(root, "planted/created"));
        report += &line(&what("folder"), root.create_directory_at("planted/created"));
        report += &line(
            &what("rename in"),
            root.rename_at("file.txt", root, "planted/moved"),
        );
        report += &line(&what("symlink in"), root.symlink_at("x", "planted/link"));
    }
    let _ = root.unlink_file_at("planted");
    report
}

/// Replaces `spot` by a folder and by a link to the folder around, in turn.
fn swap_links(root: &Descriptor, n: usize) -> String {
    let mut swaps = 0;
    for turn in 0..n {
        let (folder, link) = (format!("folder-{turn}"), format!("link-{turn}"));
        let made = root.create_directory_at(&folder);
        let planted = root.symlink_at("..", &link);
        let _ = root
            .remove_directory_at("spot")
            .or_else(|_| root.unlink_file_at("spot"));
        let _ = root.rename_at(&folder, root, "spot");
        let _ = root.remove_directory_at("spot");
        swaps += usize::from(root.rename_at(&link, root, "spot").is_ok());
        let _ = (made, planted, root.remove_directory_at(&folder));
    }
    format!("{swaps} swaps\n")
}

/// Reads a secret through `spot` while another request swaps it.
fn read_through_links(root: &Descriptor, n: usize) -> String {
    let mut stolen = 0;
    for _ in 0..n {
        let read = open(root, "spot/secret.txt", DescriptorFlags::READ);
        stolen += usize::from(read.is_ok());
        let folder = root.open_at(FOLLOW, "spot", OpenFlags::DIRECTORY, DescriptorFlags::READ);
        if let Ok(folder) = folder {
            let read = open(&folder, "secret.txt", DescriptorFlags::READ);
            stolen += usize::from(read.is_ok());
        }
    }
    format!("{stolen} stolen\n")
}

fn renames(root: &Descriptor) -> String {
    let _ = root.create_directory_at("a");
    let _ = root.create_directory_at("a/b");
    [
        line("a folder into itself", root.rename_at("a", root, "a/b/c")),
        line("the root", root.rename_at(".", root, "a/root")),
        line("onto the root", root.rename_at("a", root, ".")),
        line("the root by no name", root.rename_at("", root, "x")),
        line(
            "onto a folder that is full",
            root.rename_at("a/b", root, "a"),
        ),
        line(
            "a file onto a folder",
            root.rename_at("file.txt", root, "a"),
        ),
        line("remove the root", root.remove_directory_at(".")),
        line("remove nothing", root.unlink_file_at("")),
    ]
    .concat()
}

/// Names that the system does not have, or that are too long.
fn strange_names(root: &Descriptor) -> String {
    let long = "n".repeat(300);
    let longer = "d/".repeat(50_000);
    let names = [
        "",
        "\0",
        "a\0b",
        &long,
        &longer,
        "file.txt/",
        "file.txt/x",
        "\\..\\secret.txt",
    ];
    let mut report = String::new();
    for (number, name) in names.iter().enumerate().take(7) {
        report += &line(&format!("name {number}"), create(root, name));
    }
    let (made, removed) = (
        create(root, names[7]).map(drop),
        root.unlink_file_at(names[7]),
    );
    report + &format!("a name with backslashes: {made:?} {removed:?}\n")
}

/// Makes folders within folders, and opens the innermost one.
fn deep_folders(root: Descriptor, n: usize) -> String {
    let mut folder = root;
    for depth in 0..n {
        let made = folder.create_directory_at("d");
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        let inner = folder.open_at(none(), "d", OpenFlags::DIRECTORY, flags);
        match made.and(inner) {
            Ok(inner) => folder = inner,
            Err(error) => return format!("{error:?} at {depth}\n"),
        }
    }
    let up = folder.open_at(
        none(),
        &"../".repeat(n),
        OpenFlags::DIRECTORY,
        DescriptorFlags::READ,
    );
    line(&format!("{n} deep, and up again"), up)
}

fn link_loops(root: &Descriptor) -> String {
    let planted = root
        .symlink_at("two", "one")
        .and(root.symlink_at("one", "two"));
    let itself = root.symlink_at("itself/x", "itself");
    let report = [
        line("two links", open(root, "one", DescriptorFlags::READ)),
        line("one link", open(root, "itself", DescriptorFlags::READ)),
        line(
            "a long way",
            open(root, &"one/".repeat(1000), DescriptorFlags::READ),
        ),
    ]
    .concat();
    for link in ["one", "two", "itself"] {
        let _ = root.unlink_file_at(link);
    }
    format!("planted: {planted:?} {itself:?}\n{report}")
}

/// Sizes and offsets that no file has. Nothing here takes space on the disk.
fn huge_files(root: &Descriptor) -> String {
    let Ok(file) = create(root, "huge") else {
        return "no file\n".into();
    };
    let report = [
        line("size", file.set_size(u64::MAX)),
        line("signed size", file.set_size(1 << 63)),
        line("write", file.write(b"x", u64::MAX)),
        line("signed write", file.write(b"x", (1 << 63) - 1)),
        format!(
            "read: {:?}\n",
            file.read(u64::MAX, u64::MAX).map(|(bytes, _)| bytes.len())
        ),
        format!(
            "read at once: {:?}\n",
            file.read(u64::MAX, 0).map(|(bytes, _)| bytes.len())
        ),
    ]
    .concat();
    let _ = root.unlink_file_at("huge");
    report
}

/// Lists the folder `n` times, keeps all the lists, and counts the entries of one.
fn list(root: &Descriptor, n: usize) -> String {
    let lists: Vec<_> = (0..n).map_while(|_| root.read_directory().ok()).collect();
    let entries = lists.first().map_or(0, count);
    format!("{} lists of {entries} entries\n", lists.len())
}

fn count(list: &DirectoryEntryStream) -> usize {
    std::iter::from_fn(|| list.read_directory_entry().ok().flatten()).count()
}

/// Opens a file `n` times and keeps all the descriptors.
fn open_files(root: &Descriptor, n: usize) -> String {
    let mut kept = Vec::new();
    for _ in 0..n {
        match open(root, "file.txt", DescriptorFlags::READ) {
            Ok(file) => kept.push(file),
            Err(error) => return format!("{} open, then {error:?}\n", kept.len()),
        }
    }
    format!("{} open\n", kept.len())
}

fn open(folder: &Descriptor, path: &str, flags: DescriptorFlags) -> Result<Descriptor, ErrorCode> {
    folder.open_at(FOLLOW, path, OpenFlags::empty(), flags)
}

fn create(folder: &Descriptor, path: &str) -> Result<Descriptor, ErrorCode> {
    folder.open_at(none(), path, OpenFlags::CREATE, read_write())
}

fn endless<T>(mut call: impl FnMut() -> T) -> ! {
    loop {
        black_box(call());
    }
}

fn none() -> PathFlags {
    PathFlags::empty()
}

fn read_write() -> DescriptorFlags {
    DescriptorFlags::READ | DescriptorFlags::WRITE
}

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
