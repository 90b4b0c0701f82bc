//! Markdown tables with aligned columns.

pub struct Table {
    rows: Vec<Vec<String>>,
    /// The columns that hold text; the others hold figures.
    text: Vec<usize>,
}

impl Table {
    pub fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()],
            text: vec![0],
        }
    }

    /// Marks further columns, beside the first one, as text.
    pub fn with_text(mut self, columns: &[usize]) -> Self {
        self.text.extend(columns);
        self
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    pub fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &[String]| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(
                |(column, (cell, width))| match self.text.contains(&column) {
                    true => format!(" {cell:<width$} "),
                    false => format!(" {cell:>width$} "),
                },
            );
            format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
        };
        let rule =
            widths
                .iter()
                .enumerate()
                .map(|(column, width)| match self.text.contains(&column) {
                    true => "-".repeat(width + 2),
                    false => format!("{}:", "-".repeat(width + 1)),
                });
        let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
        let mut lines = self.rows.iter().map(|row| line(row));
        let header = lines.next().unwrap_or_default();
        header + &rule + &lines.collect::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn aligns_columns() {
        let mut table = Table::new(&["", "figure"]);
        table.row(["name".into(), "1".into()]);
        assert_eq!(
            table.text(),
            "|      | figure |\n|------|-------:|\n| name |      1 |\n"
        );
    }
}
