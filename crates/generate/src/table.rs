//! The tables and their rows.

use crate::random::Random;

/// A benchmark table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// sysbench's `sbtest1`.
    Sbtest,
    /// TPC-H's `lineitem`, with an index on part and supplier.
    Lineitem,
    /// JSON, long decimals and text of several languages, with indexes on a title and a price.
    Documents,
}

const SBTEST: &str = "\
CREATE TABLE `sbtest1` (
  `id` int NOT NULL AUTO_INCREMENT,
  `k` int NOT NULL DEFAULT '0',
  `c` char(120) NOT NULL DEFAULT '',
  `pad` char(60) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */,
  KEY `k_1` (`k`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
";

const LINEITEM: &str = "\
CREATE TABLE `lineitem` (
  `l_orderkey` bigint NOT NULL,
  `l_partkey` bigint NOT NULL,
  `l_suppkey` bigint NOT NULL,
  `l_linenumber` bigint NOT NULL,
  `l_quantity` decimal(15,2) NOT NULL,
  `l_extendedprice` decimal(15,2) NOT NULL,
  `l_discount` decimal(15,2) NOT NULL,
  `l_tax` decimal(15,2) NOT NULL,
  `l_returnflag` char(1) NOT NULL,
  `l_linestatus` char(1) NOT NULL,
  `l_shipdate` date NOT NULL,
  `l_commitdate` date NOT NULL,
  `l_receiptdate` date NOT NULL,
  `l_shipinstruct` char(25) NOT NULL,
  `l_shipmode` char(10) NOT NULL,
  `l_comment` varchar(44) NOT NULL,
  PRIMARY KEY (`l_orderkey`,`l_linenumber`) /*T![clustered_index] CLUSTERED */,
  KEY `l_part_supp` (`l_partkey`,`l_suppkey`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
";

const DOCUMENTS: &str = "\
CREATE TABLE `documents` (
  `id` bigint unsigned NOT NULL,
  `title` varchar(80) COLLATE utf8mb4_general_ci NOT NULL,
  `body` text NOT NULL,
  `attributes` json NOT NULL,
  `price` decimal(20,6) NOT NULL,
  `weight` decimal(38,18) DEFAULT NULL,
  `created` timestamp(3) NOT NULL,
  PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */,
  KEY `k_title` (`title`),
  KEY `k_price` (`price`,`created`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
";

const ENGLISH: [&str; 16] = [
    "furiously",
    "final",
    "packages",
    "sleep",
    "blithely",
    "regular",
    "deposits",
    "across",
    "the",
    "ironic",
    "requests",
    "carefully",
    "express",
    "accounts",
    "nag",
    "quickly",
];

const MANY_LANGUAGES: [&str; 12] = [
    "größe",
    "naïve",
    "слово",
    "данные",
    "λόγος",
    "中文",
    "数据库",
    "データ",
    "한국어",
    "résumé",
    "plain",
    "😀",
];

impl Table {
    /// All of them.
    pub const ALL: [Table; 3] = [Table::Sbtest, Table::Lineitem, Table::Documents];

    /// The table's name.
    pub fn name(self) -> &'static str {
        match self {
            Table::Sbtest => "sbtest1",
            Table::Lineitem => "lineitem",
            Table::Documents => "documents",
        }
    }

    /// The column names in order.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Sbtest => &["id", "k", "c", "pad"],
            Table::Lineitem => &[
                "l_orderkey",
                "l_partkey",
                "l_suppkey",
                "l_linenumber",
                "l_quantity",
                "l_extendedprice",
                "l_discount",
                "l_tax",
                "l_returnflag",
                "l_linestatus",
                "l_shipdate",
                "l_commitdate",
                "l_receiptdate",
                "l_shipinstruct",
                "l_shipmode",
                "l_comment",
            ],
            Table::Documents => &["id", "title", "body", "attributes", "price", "weight", "created"],
        }
    }

    /// The `CREATE TABLE` statement.
    pub fn definition(self) -> &'static str {
        match self {
            Table::Sbtest => SBTEST,
            Table::Lineitem => LINEITEM,
            Table::Documents => DOCUMENTS,
        }
    }

    /// The fields of row `number` (from 1); true = quoted.
    pub(crate) fn row(self, number: u64, random: &mut Random, fields: &mut Vec<(String, bool)>) {
        fields.clear();
        match self {
            Table::Sbtest => {
                fields.push((number.to_string(), false));
                fields.push(((random.below(1 << 22) + 1).to_string(), false));
                fields.push((random.digits(10), true));
                fields.push((random.digits(5), true));
            }
            Table::Lineitem => {
                // Orders of one to seven lines, by the row number alone, so that files are independent.
                let (order, line) = (number / 4 * 4 + 1, number % 4 + 1);
                let quantity = random.below(50) + 1;
                let price = quantity * (90_000 + random.below(110_000));
                fields.push((order.to_string(), false));
                fields.push(((random.below(2_000_000) + 1).to_string(), false));
                fields.push(((random.below(100_000) + 1).to_string(), false));
                fields.push((line.to_string(), false));
                fields.push((format!("{quantity}.00"), false));
                fields.push((format!("{}.{:02}", price / 100, price % 100), false));
                fields.push((format!("0.{:02}", random.below(11)), false));
                fields.push((format!("0.{:02}", random.below(9)), false));
                fields.push((random.pick(&["A", "N", "R"]).to_owned(), true));
                fields.push((random.pick(&["F", "O"]).to_owned(), true));
                for _ in 0..3 {
                    let date = format!(
                        "{}-{:02}-{:02}",
                        1992 + random.below(7),
                        random.below(12) + 1,
                        random.below(28) + 1
                    );
                    fields.push((date, true));
                }
                let instructions = ["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"];
                fields.push((random.pick(&instructions).to_owned(), true));
                let modes = ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"];
                fields.push((random.pick(&modes).to_owned(), true));
                let mut comment = random.words(&ENGLISH, 48);
                comment.truncate(10 + random.below(34) as usize);
                fields.push((comment.trim_end().to_owned(), true));
            }
            Table::Documents => {
                let title = random.words(&MANY_LANGUAGES, 30).trim_end().to_owned();
                let body = random.words(&MANY_LANGUAGES, 200);
                let attributes = format!(
                    "{{\"color\": \"{}\", \"tags\": [\"{}\", \"{}\"], \"size\": {}, \"ratio\": {}.{}, \"nested\": {{\"ok\": true, \"n\": null}}}}",
                    random.pick(&ENGLISH),
                    random.pick(&ENGLISH),
                    random.pick(&MANY_LANGUAGES),
                    random.below(10_000),
                    random.below(100),
                    random.below(1000),
                );
                fields.push((number.to_string(), false));
                fields.push((title, true));
                fields.push((body, true));
                fields.push((attributes, true));
                let mut decimal = |digits: u64, frac: usize| {
                    let (int, frac_part) = (random.below(digits), random.below(1_000_000));
                    (format!("{int}.{frac_part:06}{}", "0".repeat(frac - 6)), false)
                };
                fields.push(decimal(100_000_000, 6));
                fields.push(decimal(1_000_000_000_000_000, 18));
                let (day, second) = (random.below(28) + 1, random.below(60));
                let created = format!(
                    "2024-{:02}-{day:02} 12:34:{second:02}.{:03}",
                    random.below(12) + 1,
                    random.below(1000)
                );
                fields.push((created, true));
            }
        }
    }
}
