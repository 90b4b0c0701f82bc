//! The routes of a component in a folder of handlers, from its path: `api/time.wasm` serves `/api/time` and all paths
//! below it.
//!
//! `index.wasm` serves the path of its folder. `[id].wasm`, and every file below a folder `[id]/`, serves any one segment
//! in that place.

use crate::routing::{PathPattern, Segment};

/// Returns the routes of the file `STEM.wasm` below `folders`.
///
/// `index` serves its folder with and without the slash. Any other file serves its own name and all paths below it.
///
/// # Errors
///
/// Fails if the name of a parameter is invalid or occurs twice, or if a name has a control character.
pub(super) fn routes(folders: &[String], stem: &str) -> Result<Vec<PathPattern>, String> {
    let mut segments = folders
        .iter()
        .map(|name| segment(name))
        .collect::<Result<Vec<_>, _>>()?;
    if stem != INDEX {
        segments.extend([segment(stem)?, Segment::Rest(None)]);
        return Ok(vec![PathPattern::new(segments)?]);
    }
    let mut routes = Vec::new();
    if !segments.is_empty() {
        routes.push(PathPattern::new(segments.clone())?);
    }
    segments.push(Segment::Literal(String::new()));
    routes.push(PathPattern::new(segments)?);
    Ok(routes)
}

/// Returns a text that is equal for two files whose routes conflict. Names of parameters make no difference.
pub(super) fn address(folders: &[String], stem: &str) -> String {
    let stem = (stem != INDEX).then_some(stem);
    let names = folders.iter().map(String::as_str).chain(stem);
    let segments = names.map(|name| match parameter(name) {
        Some(_) => "/[]".to_owned(),
        None => format!("/{name}"),
    });
    segments.collect()
}

fn segment(name: &str) -> Result<Segment, String> {
    if name.chars().any(char::is_control) {
        return Err("its path has a control character; rename it".into());
    }
    match parameter(name) {
        Some(parameter) => Segment::parameter(parameter),
        None => Ok(Segment::literal(name)),
    }
}

fn parameter(name: &str) -> Option<&str> {
    name.strip_prefix('[')?.strip_suffix(']')
}

/// The file that serves the path of its folder.
const INDEX: &str = "index";

#[cfg(test)]
mod tests {
    use super::*;

    fn split(file: &str) -> (Vec<String>, &str) {
        let stem = file.strip_suffix(".wasm").unwrap();
        let mut names: Vec<_> = stem.split('/').collect();
        let stem = names.pop().unwrap();
        (names.into_iter().map(str::to_owned).collect(), stem)
    }

    #[test]
    fn maps_file_paths_to_routes() {
        for (file, expected) in [
            ("index.wasm", &["/"][..]),
            ("api/index.wasm", &["/api", "/api/"]),
            ("api/time.wasm", &["/api/time/*"]),
            ("[id].wasm", &["/:id/*"]),
            ("users/[id]/posts.wasm", &["/users/:id/posts/*"]),
            ("users/[id]/index.wasm", &["/users/:id", "/users/:id/"]),
            ("v1.2.wasm", &["/v1.2/*"]),
            ("a b?%.wasm", &["/a%20b%3F%25/*"]),
        ] {
            let (folders, stem) = split(file);
            let routes = routes(&folders, stem).unwrap();
            let routes: Vec<_> = routes.iter().map(PathPattern::as_str).collect();
            assert_eq!(routes, expected, "{file}");
        }
    }

    #[test]
    fn rejects_invalid_names_and_repeated_parameters() {
        for file in [
            "[Id].wasm",
            "[id]/[id].wasm",
            "[].wasm",
            "a\nb.wasm",
            "\u{1b}[31m/index.wasm",
            "\u{85}.wasm",
        ] {
            let (folders, stem) = split(file);
            assert!(routes(&folders, stem).is_err(), "{file}");
        }
    }

    #[test]
    fn files_with_conflicting_routes_have_the_same_address() {
        for (one, other, expected) in [
            ("a.wasm", "a/index.wasm", true),
            ("[x].wasm", "[y].wasm", true),
            ("[x].wasm", "[y]/index.wasm", true),
            ("a/[x].wasm", "b/[x].wasm", false),
            ("a.wasm", "a/b.wasm", false),
            ("a.wasm", "index.wasm", false),
            ("a.wasm", "[a].wasm", false),
        ] {
            let [one_address, other_address] = [one, other].map(|file| {
                let (folders, stem) = split(file);
                address(&folders, stem)
            });
            assert_eq!(one_address == other_address, expected, "{one} {other}");
        }
    }
}
