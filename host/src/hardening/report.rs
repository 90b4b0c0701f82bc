//! Which layers are on, for the log.

use std::fmt;

use super::layer::Layer;

/// The state of each layer.
#[derive(Debug)]
pub struct Report(Vec<(Layer, Status)>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    On,
    /// The user switched it off.
    Off,
    /// It is not on, for this reason.
    Unavailable(String),
}

impl Report {
    /// Puts on the layers that are not `off`, in their order.
    pub(super) fn new(off: &[Layer], mut put_on: impl FnMut(Layer) -> Status) -> Self {
        let layers = Layer::ALL.into_iter();
        Self(
            layers
                .map(|layer| match off.contains(&layer) {
                    true => (layer, Status::Off),
                    false => (layer, put_on(layer)),
                })
                .collect(),
        )
    }

    pub fn status(&self, layer: Layer) -> Option<&Status> {
        self.0
            .iter()
            .find(|(other, _)| *other == layer)
            .map(|(_, status)| status)
    }

    pub fn is_on(&self, layer: Layer) -> bool {
        self.status(layer) == Some(&Status::On)
    }

    fn names(&self, is_listed: impl Fn(&Status) -> Option<String>) -> String {
        let listed = self.0.iter().filter_map(|(layer, status)| {
            let note = is_listed(status)?;
            Some(format!("{layer}{note}"))
        });
        listed.collect::<Vec<_>>().join(", ")
    }
}

/// One line, such as `on: privileges, landlock; off: seccomp`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = self.names(|status| (*status == Status::On).then(String::new));
        let off = self.names(|status| match status {
            Status::On => None,
            Status::Off => Some(String::new()),
            Status::Unavailable(reason) => Some(format!(" ({reason})")),
        });
        let on = if on.is_empty() { "nothing" } else { &on };
        write!(f, "on: {on}")?;
        match off.is_empty() {
            true => Ok(()),
            false => write!(f, "; off: {off}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_the_layers_in_one_line() {
        let report = Report::new(&[Layer::Seccomp], |layer| match layer {
            Layer::Landlock => Status::Unavailable("the kernel lacks it".into()),
            _ => Status::On,
        });
        assert_eq!(
            report.to_string(),
            "on: privileges, core-dumps, compiler; off: landlock (the kernel lacks it), seccomp"
        );
    }
}
