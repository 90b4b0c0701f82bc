//! Lists of connections, in the order in which they were appended.

/// The neighbours of a connection in one list.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Links {
    before: Option<usize>,
    after: Option<usize>,
}

/// Finds the links of a connection in one list, by the number of the connection.
pub(super) trait LinkTable {
    fn links(&mut self, number: usize) -> Option<&mut Links>;
}

/// A doubly linked list of connections, by their numbers. Each operation takes the same time however long the list is:
/// every request needs two of them, and clients decide about the length.
#[derive(Debug, Default)]
pub(super) struct IdleList {
    first: Option<usize>,
    last: Option<usize>,
}

impl IdleList {
    /// The connection that was appended first.
    pub fn first(&self) -> Option<usize> {
        self.first
    }

    /// Appends a connection that is not in the list.
    pub fn push(&mut self, number: usize, table: &mut impl LinkTable) {
        let before = self.last;
        if let Some(links) = table.links(number) {
            *links = Links {
                before,
                after: None,
            };
        }
        match before.and_then(|before| table.links(before)) {
            Some(links) => links.after = Some(number),
            None => self.first = Some(number),
        }
        self.last = Some(number);
    }

    /// Removes a connection that is in the list.
    pub fn remove(&mut self, number: usize, table: &mut impl LinkTable) {
        let Links { before, after } = table.links(number).map(std::mem::take).unwrap_or_default();
        match before.and_then(|before| table.links(before)) {
            Some(links) => links.after = after,
            None => self.first = after,
        }
        match after.and_then(|after| table.links(after)) {
            Some(links) => links.before = before,
            None => self.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl LinkTable for [Links; 4] {
        fn links(&mut self, number: usize) -> Option<&mut Links> {
            self.get_mut(number)
        }
    }

    #[test]
    fn keeps_the_order_whatever_is_removed() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
            let (mut list, mut table) = (IdleList::default(), [Links::default(); 4]);
            (0..4).for_each(|number| list.push(number, &mut table));
            let mut rest: Vec<usize> = (0..4).collect();
            for number in order {
                list.remove(number, &mut table);
                rest.retain(|other| *other != number);
                assert_eq!(list.first(), rest.first().copied());
                list.push(number, &mut table);
                list.remove(number, &mut table);
            }
            assert_eq!((list.first, list.last), (None, None));
        }
    }
}
