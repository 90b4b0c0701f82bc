//! The routes of one site, as a tree of path segments.

use std::collections::HashMap;

use super::escape::normalized;
use super::path_pattern::{MAX_PARAMETERS, PathPattern, Segment};

/// Maps a path to the most specific route that matches it. At each segment from the first on, literal text has priority
/// over a parameter, and a parameter over the rest of the path.
#[derive(Debug)]
pub struct RouteTree<T> {
    root: RouteNode<T>,
}

/// A route that matches a path, and the values of its parameters.
#[derive(Debug)]
pub struct RouteMatch<'t, 'p, T> {
    pub target: &'t T,
    leaf: &'t Leaf<T>,
    captured: Captured<'p>,
}

impl<T> Default for RouteTree<T> {
    fn default() -> Self {
        Self {
            root: RouteNode::default(),
        }
    }
}

impl<T> RouteTree<T> {
    /// Adds a route unless one exists for [the same paths](PathPattern::is_same_as). Returns whether it was added.
    pub fn insert(&mut self, path: &PathPattern, target: T) -> bool {
        let mut node = &mut self.root;
        let mut is_rest = false;
        for segment in path.segments() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                // The pattern guarantees that the rest is the last segment.
                Segment::Rest(_) => {
                    is_rest = true;
                    break;
                }
            };
        }
        let slot = match is_rest {
            true => &mut node.rest,
            false => &mut node.end,
        };
        if slot.is_some() {
            return false;
        }
        *slot = Some(Leaf {
            path: path.clone(),
            target,
        });
        true
    }

    /// Finds the route for `path`, which starts with a slash.
    pub fn find<'p>(&self, path: &'p str) -> Option<RouteMatch<'_, 'p, T>> {
        let mut captured = Captured::default();
        let path = path.strip_prefix('/')?;
        let leaf = self.root.find(Some(path), &mut captured)?;
        Some(RouteMatch {
            target: &leaf.target,
            leaf,
            captured,
        })
    }
}

impl<T> RouteMatch<'_, '_, T> {
    /// The pattern of the route.
    pub fn path(&self) -> &PathPattern {
        &self.leaf.path
    }

    /// The length of the beginning of `path` that the segments before the rest match: the mount of a handler. `path` is
    /// the one that was matched.
    pub fn mount_length(&self, path: &str) -> usize {
        let mut slashes = path.match_indices('/').map(|(at, _)| at);
        slashes.nth(self.path().depth()).unwrap_or(path.len())
    }

    /// The value of a parameter, as sent.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Names and values, as sent.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.captured.values.iter().take(self.captured.count);
        self.leaf.path.parameters().zip(values.copied())
    }
}

#[derive(Debug)]
struct RouteNode<T> {
    literals: HashMap<String, RouteNode<T>>,
    parameter: Option<Box<RouteNode<T>>>,
    /// The route that ends here.
    end: Option<Leaf<T>>,
    /// The route for all paths below this node, and for the path that ends here if `end` is empty.
    rest: Option<Leaf<T>>,
}

#[derive(Debug)]
struct Leaf<T> {
    path: PathPattern,
    target: T,
}

/// The values of the parameters, in an array: matching a path allocates nothing.
#[derive(Debug, Default)]
struct Captured<'p> {
    values: [&'p str; MAX_PARAMETERS],
    count: usize,
}

impl<T> Default for RouteNode<T> {
    fn default() -> Self {
        Self {
            literals: HashMap::new(),
            parameter: None,
            end: None,
            rest: None,
        }
    }
}

impl<T> RouteNode<T> {
    /// The recursion is as deep as the longest route at most, and visits each node once at most.
    fn find<'p>(&self, path: Option<&'p str>, captured: &mut Captured<'p>) -> Option<&Leaf<T>> {
        let Some(path) = path else {
            return self.end.as_ref().or_else(|| self.rest("", captured));
        };
        let (segment, after) = match path.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (path, None),
        };
        if !self.literals.is_empty()
            && let Some(node) = self.literals.get(&*normalized(segment))
            && let Some(leaf) = node.find(after, captured)
        {
            return Some(leaf);
        }
        if let Some(node) = &self.parameter
            && !segment.is_empty()
        {
            let before = captured.count;
            captured.push(segment);
            if let Some(leaf) = node.find(after, captured) {
                return Some(leaf);
            }
            captured.count = before;
        }
        self.rest(path, captured)
    }

    fn rest<'p>(&self, path: &'p str, captured: &mut Captured<'p>) -> Option<&Leaf<T>> {
        let leaf = self.rest.as_ref()?;
        captured.push(path);
        Some(leaf)
    }
}

impl<'p> Captured<'p> {
    fn push(&mut self, value: &'p str) {
        // The array has room for all parameters that a pattern may have.
        if let Some(slot) = self.values.get_mut(self.count) {
            *slot = value;
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&'static str]) -> RouteTree<&'static str> {
        let mut routes = RouteTree::default();
        for path in paths {
            assert!(routes.insert(&path.parse().unwrap(), *path), "{path}");
        }
        routes
    }

    #[test]
    fn finds_the_most_specific_route() {
        let routes = routes(&[
            "/",
            "/about",
            "/about/",
            "/users/:id",
            "/users/me",
            "/users/:id/posts/:post",
            "/users/me/posts/latest",
            "/files/*path",
            "/files/:name/info",
            "/files/readme",
            "/api/*",
            "/api/v1/:kind/*",
        ]);
        for (path, expected) in [
            ("/", Some("/")),
            ("/about", Some("/about")),
            ("/about/", Some("/about/")),
            ("/about/x", None),
            ("/About", None),
            ("/users", None),
            ("/users/", None),
            ("/users/7", Some("/users/:id")),
            ("/users/me", Some("/users/me")),
            ("/users/%6De", Some("/users/me")),
            // The search backtracks from the literal to the parameter.
            ("/users/me/posts/7", Some("/users/:id/posts/:post")),
            ("/users/me/posts/latest", Some("/users/me/posts/latest")),
            ("/users//posts/7", None),
            ("/files", Some("/files/*path")),
            ("/files/", Some("/files/*path")),
            ("/files/a", Some("/files/*path")),
            ("/files/a/info", Some("/files/:name/info")),
            ("/files/a/info/b", Some("/files/*path")),
            ("/files/readme", Some("/files/readme")),
            ("/files/readme/", Some("/files/*path")),
            ("/filesystem", None),
            ("/api/v1/a", Some("/api/v1/:kind/*")),
            ("/api/v1", Some("/api/*")),
            ("/api/v1/", Some("/api/*")),
            ("/api%2Fv1/a", None),
            ("/api/../users/7", Some("/api/*")),
            ("//", None),
            ("", None),
        ] {
            let found = routes.find(path);
            assert_eq!(found.map(|found| *found.target), expected, "{path}");
        }
    }

    #[test]
    fn returns_parameters_as_sent() {
        let routes = routes(&["/u/:id/:second", "/f/*path", "/x/:a/y", "/x/*"]);
        for (path, expected) in [
            ("/u/%41%2Fb/2", &[("id", "%41%2Fb"), ("second", "2")][..]),
            ("/f", &[("path", "")]),
            ("/f/", &[("path", "")]),
            ("/f/a//b/", &[("path", "a//b/")]),
            ("/x/1/y", &[("a", "1")]),
            // Backtracking discards the value captured in the dead end.
            ("/x/1/z", &[("rest", "1/z")]),
        ] {
            let found = routes.find(path).unwrap();
            assert_eq!(found.parameters().collect::<Vec<_>>(), expected, "{path}");
        }
    }

    #[test]
    fn finds_the_mount_of_a_path() {
        let routes = routes(&["/*", "/a/b/*", "/u/:id/*", "/i", "/i/"]);
        for (path, expected) in [
            ("/", ""),
            ("/x/y", ""),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b"),
            ("/a/%62/c/d", "/a/%62"),
            ("/a/b//c", "/a/b"),
            ("/u/7%2F8/c", "/u/7%2F8"),
            ("/i", "/i"),
            ("/i/", "/i"),
        ] {
            let length = routes.find(path).unwrap().mount_length(path);
            assert_eq!(&path[..length], expected, "{path}");
        }
    }

    #[test]
    fn rejects_a_second_route_for_the_same_paths() {
        let mut routes = routes(&["/a/:b", "/a/*"]);
        for path in ["/a/:c", "/a/*all"] {
            assert!(!routes.insert(&path.parse().unwrap(), ""), "{path}");
        }
        assert!(routes.insert(&"/a".parse().unwrap(), ""));
    }
}
