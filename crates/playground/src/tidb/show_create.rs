//! SHOW CREATE: definitions back to text, as TiDB writes them.

use th_schema::{ColumnInfo, IndexInfo, PartitionInfo, PartitionKind, TableInfo};
use th_types::{FieldType, flag, tp};

use crate::tidb::catalog::{Database, Entry, View};
use crate::tidb::parse::quote;

/// A string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// `CREATE DATABASE`.
pub(crate) fn create_database(database: &Database, if_not_exists: bool) -> String {
    let exists = if if_not_exists { "/*!32312 IF NOT EXISTS*/ " } else { "" };
    let collate = if database.collate == "utf8mb4_bin" {
        String::new()
    } else {
        format!(" COLLATE {}", database.collate)
    };
    format!(
        "CREATE DATABASE {exists}{} /*!40100 DEFAULT CHARACTER SET {}{collate} */",
        quote(&database.name),
        database.charset
    )
}

/// `CREATE VIEW`.
pub(crate) fn create_view(entry: &Entry, view: &View) -> String {
    let columns: Vec<String> = view.columns.iter().map(|column| quote(column)).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    format!(
        "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW {}{columns} AS {}",
        quote(&entry.info.name.original),
        view.select
    )
}

/// A type in lower case, without character set.
pub(crate) fn type_text(field_type: &FieldType) -> String {
    let FieldType { flen, decimal, .. } = field_type;
    let binary = field_type.charset == "binary";
    let sized = |name: &str| if *flen >= 0 { format!("{name}({flen})") } else { name.to_owned() };
    let fraction = |name: &str| if *decimal > 0 { format!("{name}({decimal})") } else { name.to_owned() };
    let members = |name: &str| {
        let members: Vec<String> = field_type.elems.iter().map(|member| literal(member)).collect();
        format!("{name}({})", members.join(","))
    };
    let blob = |text: &str, bytes: &str| if binary { bytes.to_owned() } else { text.to_owned() };
    let mut text = match field_type.tp {
        // `tinyint(1)` is the one width that clients still look at.
        tp::TINY if *flen == 1 => "tinyint(1)".into(),
        tp::TINY => "tinyint".into(),
        tp::SHORT => "smallint".into(),
        tp::INT24 => "mediumint".into(),
        tp::LONG => "int".into(),
        tp::LONGLONG => "bigint".into(),
        tp::FLOAT if *decimal >= 0 && *flen >= 0 => format!("float({flen},{decimal})"),
        tp::FLOAT => "float".into(),
        tp::DOUBLE if *decimal >= 0 && *flen >= 0 => format!("double({flen},{decimal})"),
        tp::DOUBLE => "double".into(),
        tp::NEW_DECIMAL => format!("decimal({flen},{})", (*decimal).max(0)),
        tp::BIT => sized("bit"),
        tp::YEAR => "year(4)".into(),
        tp::DATE | tp::NEW_DATE => "date".into(),
        tp::DATETIME => fraction("datetime"),
        tp::TIMESTAMP => fraction("timestamp"),
        tp::DURATION => fraction("time"),
        tp::STRING => sized(if binary { "binary" } else { "char" }),
        tp::VARCHAR | tp::VAR_STRING => sized(if binary { "varbinary" } else { "varchar" }),
        tp::TINY_BLOB => blob("tinytext", "tinyblob"),
        tp::BLOB => blob("text", "blob"),
        tp::MEDIUM_BLOB => blob("mediumtext", "mediumblob"),
        tp::LONG_BLOB => blob("longtext", "longblob"),
        tp::ENUM => members("enum"),
        tp::SET => members("set"),
        tp::JSON => "json".into(),
        tp::VECTOR => sized("vector"),
        _ => "geometry".into(),
    };
    if field_type.is_unsigned() && !matches!(field_type.tp, tp::YEAR | tp::BIT) {
        text.push_str(" unsigned");
    }
    if field_type.has(flag::ZEROFILL) && field_type.tp != tp::YEAR {
        text.push_str(" zerofill");
    }
    text
}

fn default_clause(column: &ColumnInfo) -> String {
    let field_type = &column.field_type;
    let not_null = field_type.has(flag::NOT_NULL);
    let text = match (&column.default, &column.default_bit) {
        (serde_json::Value::String(text), _) => text.clone(),
        (serde_json::Value::Null, _) if field_type.has(flag::NO_DEFAULT_VALUE) || not_null => {
            return String::new();
        }
        (serde_json::Value::Null, _) if field_type.tp == tp::TIMESTAMP => return " DEFAULT NULL".into(),
        (serde_json::Value::Null, _) => return " DEFAULT NULL".into(),
        (other, _) => other.to_string(),
    };
    if column.default_is_expr {
        return format!(" DEFAULT ({text})");
    }
    if text.to_uppercase().starts_with("CURRENT_TIMESTAMP") || text.to_uppercase().starts_with("CURRENT_DATE")
    {
        let fraction = if field_type.decimal > 0 && !text.contains('(') {
            format!("({})", field_type.decimal)
        } else {
            String::new()
        };
        return format!(" DEFAULT {text}{fraction}");
    }
    if field_type.tp == tp::BIT {
        let bits: Vec<String> = text.bytes().map(|byte| format!("{byte:08b}")).collect();
        let bits = bits.concat();
        let bits = bits.trim_start_matches('0');
        return format!(" DEFAULT b'{}'", if bits.is_empty() { "0" } else { bits });
    }
    format!(" DEFAULT {}", literal(&text))
}

fn column_line(info: &TableInfo, column: &ColumnInfo) -> String {
    let field_type = &column.field_type;
    let mut line = format!("  {} {}", quote(&column.name.original), type_text(field_type));
    if field_type.charset != "binary"
        && !field_type.charset.is_empty()
        && (field_type.is_string() || !field_type.elems.is_empty())
    {
        if field_type.charset != info.charset {
            line.push_str(&format!(" CHARACTER SET {}", field_type.charset));
        }
        if field_type.collate != info.collate {
            line.push_str(&format!(" COLLATE {}", field_type.collate));
        }
    }
    if column.is_generated() {
        let kind = if column.generated_stored { "STORED" } else { "VIRTUAL" };
        line.push_str(&format!(" GENERATED ALWAYS AS ({}) {kind}", column.generated_expr_string));
    }
    if field_type.has(flag::NOT_NULL) {
        line.push_str(" NOT NULL");
    } else if field_type.tp == tp::TIMESTAMP {
        line.push_str(" NULL");
    }
    if field_type.has(flag::AUTO_INCREMENT) {
        line.push_str(" AUTO_INCREMENT");
    } else if !column.is_generated() {
        line.push_str(&default_clause(column));
    }
    if field_type.has(flag::ON_UPDATE_NOW) {
        let fraction =
            if field_type.decimal > 0 { format!("({})", field_type.decimal) } else { String::new() };
        line.push_str(&format!(" ON UPDATE CURRENT_TIMESTAMP{fraction}"));
    }
    if info.auto_random_bits > 0 && info.pk_is_handle && field_type.has(flag::PRI_KEY) {
        let range = match info.auto_random_range_bits {
            0 | 64 => String::new(),
            bits => format!(", {bits}"),
        };
        line.push_str(&format!(" /*T![auto_rand] AUTO_RANDOM({}{range}) */", info.auto_random_bits));
    }
    if !column.comment.is_empty() {
        line.push_str(&format!(" COMMENT {}", literal(&column.comment)));
    }
    line
}

fn index_line(info: &TableInfo, index: &IndexInfo) -> String {
    let parts: Vec<String> = index
        .columns
        .iter()
        .map(|part| {
            let column = info.columns.get(part.offset);
            match column.filter(|column| column.hidden) {
                Some(column) => format!("({})", column.generated_expr_string),
                None if part.length >= 0 => format!("{}({})", quote(&part.name.original), part.length),
                None => quote(&part.name.original),
            }
        })
        .collect();
    let parts = parts.join(",");
    let mut line = if index.is_primary {
        let clustered = if info.is_common_handle { "CLUSTERED" } else { "NONCLUSTERED" };
        format!("  PRIMARY KEY ({parts}) /*T![clustered_index] {clustered} */")
    } else {
        let kind = if index.is_unique { "UNIQUE KEY" } else { "KEY" };
        format!("  {kind} {} ({parts})", quote(&index.name.original))
    };
    if index.is_invisible {
        line.push_str(" /*!80000 INVISIBLE */");
    }
    if index.is_global {
        line.push_str(" /*T![global_index] GLOBAL */");
    }
    if !index.comment.is_empty() {
        line.push_str(&format!(" COMMENT {}", literal(&index.comment)));
    }
    line
}

fn partition_clause(partition: &PartitionInfo) -> String {
    let columns = || {
        let names: Vec<String> =
            partition.columns.iter().flatten().map(|column| quote(&column.original)).collect();
        names.join(",")
    };
    let by_columns = partition.columns.as_ref().is_some_and(|columns| !columns.is_empty());
    let head = match partition.kind {
        PartitionKind::HASH => {
            return format!("\nPARTITION BY HASH ({}) PARTITIONS {}", partition.expr, partition.num);
        }
        PartitionKind::KEY => {
            let of = if partition.is_empty_columns { String::new() } else { columns() };
            return format!("\nPARTITION BY KEY ({of}) PARTITIONS {}", partition.num);
        }
        PartitionKind::LIST if by_columns => format!("LIST COLUMNS({})", columns()),
        PartitionKind::LIST => format!("LIST ({})", partition.expr),
        _ if by_columns => format!("RANGE COLUMNS({})", columns()),
        _ => format!("RANGE ({})", partition.expr),
    };
    let definitions: Vec<String> = partition
        .definitions
        .iter()
        .flatten()
        .map(|definition| {
            let name = quote(&definition.name.original);
            match (&definition.less_than, &definition.in_values) {
                (Some(bounds), _) if !bounds.is_empty() => {
                    format!(" PARTITION {name} VALUES LESS THAN ({})", bounds.join(","))
                }
                (_, Some(lists)) => {
                    let values: Vec<String> = lists
                        .iter()
                        .map(
                            |row| if row.len() == 1 { row.join(",") } else { format!("({})", row.join(",")) },
                        )
                        .collect();
                    format!(" PARTITION {name} VALUES IN ({})", values.join(","))
                }
                _ => format!(" PARTITION {name}"),
            }
        })
        .collect();
    format!("\nPARTITION BY {head}\n({})", definitions.join(",\n").trim_start())
}

/// `CREATE TABLE`.
pub(crate) fn create_table(entry: &Entry) -> String {
    let info = &entry.info;
    let mut lines: Vec<String> =
        info.columns.iter().filter(|column| !column.hidden).map(|column| column_line(info, column)).collect();
    if info.pk_is_handle
        && let Some(column) = info.columns.iter().find(|column| column.field_type.has(flag::PRI_KEY))
    {
        lines.push(format!(
            "  PRIMARY KEY ({}) /*T![clustered_index] CLUSTERED */",
            quote(&column.name.original)
        ));
    }
    lines.extend(info.indexes.iter().map(|index| index_line(info, index)));
    let mut text = format!(
        "CREATE TABLE {} (\n{}\n) ENGINE=InnoDB DEFAULT CHARSET={} COLLATE={}",
        quote(&info.name.original),
        lines.join(",\n"),
        info.charset,
        info.collate
    );
    let next = if entry.separate_auto_increment() {
        entry.allocators.auto_increment
    } else {
        entry.allocators.row_id
    };
    if entry.auto_increment_column().is_some() && next > 1 {
        text.push_str(&format!(" AUTO_INCREMENT={next}"));
    }
    if info.auto_id_cache != 0 {
        text.push_str(&format!(" /*T![auto_id_cache] AUTO_ID_CACHE={} */", info.auto_id_cache));
    }
    if info.auto_random_bits > 0 && entry.allocators.auto_random > 1 {
        text.push_str(&format!(" /*T![auto_rand_base] AUTO_RANDOM_BASE={} */", entry.allocators.auto_random));
    }
    if info.shard_row_id_bits > 0 {
        text.push_str(&format!(" /*T! SHARD_ROW_ID_BITS={} */", info.shard_row_id_bits));
    }
    if !info.comment.is_empty() {
        text.push_str(&format!(" COMMENT={}", literal(&info.comment)));
    }
    if let Some(partition) = info.partition.as_ref().filter(|partition| partition.enable) {
        text.push_str(&partition_clause(partition));
    }
    text
}
