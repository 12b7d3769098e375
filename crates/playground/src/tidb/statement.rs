//! Statements as the parser gives them.

/// A table's name, with its database if it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) db: Option<String>,
    pub(crate) table: String,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    CreateDatabase {
        name: String,
        if_not_exists: bool,
        charset: Option<String>,
        collate: Option<String>,
    },
    AlterDatabase {
        name: Option<String>,
        charset: Option<String>,
        collate: Option<String>,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
    },
    Use(String),
    CreateTable {
        name: TableName,
        if_not_exists: bool,
        text: String,
    },
    CreateTableLike {
        name: TableName,
        like: TableName,
        if_not_exists: bool,
    },
    CreateView {
        name: TableName,
        or_replace: bool,
        columns: Vec<String>,
        select: String,
    },
    DropTables {
        names: Vec<TableName>,
        if_exists: bool,
        views: bool,
    },
    Truncate(TableName),
    Rename(Vec<(TableName, TableName)>),
    AlterTable {
        name: TableName,
        specs: Vec<AlterSpec>,
        text: String,
    },
    Show(Show),
    Select(Select),
    Insert(Insert),
    Delete {
        table: TableName,
        filter: Option<String>,
    },
    AdminChecksum(Vec<TableName>),
    AdminCheck(Vec<TableName>),
    Analyze(Vec<TableName>),
    Set(Vec<Assignment>),
    Update {
        table: TableName,
        /// Columns and the texts of their new values.
        sets: Vec<(String, String)>,
        filter: Option<String>,
    },
    Begin,
    Commit,
    Rollback,
    AdminShowDdlJobs,
    /// Taken and without effect: LOCK TABLES, FLUSH ….
    Nothing,
}

/// One change of ALTER TABLE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AlterSpec {
    AutoIncrement {
        base: u64,
        force: bool,
    },
    AutoRandomBase {
        base: u64,
        force: bool,
    },
    Rename(TableName),
    /// SET TIFLASH REPLICA: how many, and labels that they are spread by.
    TiflashReplica(u64, Vec<String>),
    /// A change of the definition; the statement's text says which.
    Definition,
    /// Taken without effect (FORCE, ENABLE KEYS, …).
    Nothing,
}

/// A name to set and the text of its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) global: bool,
    pub(crate) value: String,
}

/// What SHOW shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ShowKind {
    Databases,
    Tables { db: Option<String>, full: bool },
    TableStatus { db: Option<String> },
    CreateTable(TableName),
    CreateView(TableName),
    CreateDatabase { name: String, if_not_exists: bool },
    Columns { table: TableName, full: bool },
    Index(TableName),
    Variables { global: bool },
    Status,
    Grants,
    Warnings,
    Errors,
    NextRowId(TableName),
    Regions(TableName),
    ProcessList,
    Engines,
    CharacterSet,
    Collation,
    MasterStatus,
    Config,
    ImportJobs,
}

/// SHOW with its filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Show {
    pub(crate) kind: ShowKind,
    pub(crate) like: Option<String>,
    pub(crate) filter: Option<String>,
}

/// A selected item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// `*` or `t.*`.
    Star,
    /// COUNT(*), COUNT(1), COUNT(x), SUM(x), MIN(x), MAX(x), BIT_XOR(x), BIT_AND(x), BIT_OR(x).
    Aggregate { function: Aggregate, argument: Option<String>, name: String },
    /// An expression and the column's name.
    Expression { text: String, name: String },
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    BitXor,
    BitAnd,
    BitOr,
}

/// A SELECT of one table or of none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) distinct: bool,
    pub(crate) from: Option<TableName>,
    pub(crate) partitions: Option<Vec<String>>,
    pub(crate) filter: Option<String>,
    pub(crate) group_by: Vec<String>,
    pub(crate) order_by: Vec<(String, bool)>,
    pub(crate) offset: u64,
    pub(crate) limit: Option<u64>,
    /// FOR UPDATE.
    pub(crate) locking: bool,
}

/// INSERT or REPLACE of literal rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) table: TableName,
    pub(crate) columns: Option<Vec<String>>,
    /// Text of each value; `DEFAULT` is itself.
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) replace: bool,
    pub(crate) ignore: bool,
}
