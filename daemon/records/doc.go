// Package records puts what the ledger remembers into the forms that people take away: tables as XLSX, PDF or CSV, and slips
// as text, as the bytes of a slip printer or as PDF.
//
// It decides nothing and reads no database: a [Source] hands it pages of records, which are written as they come, so that an
// export of any length holds one page in memory and keeps nobody from settling. A PDF alone is built whole before its first
// byte, and is limited to [MaxPDFRows] rows.
//
// # Decisions
//
// Money is written exactly: in CSV as yuan text, in XLSX as a number whose shortest form is that text. A text that a
// spreadsheet would take for a formula gets an apostrophe in CSV; in XLSX it is a typed text and needs none.
//
// Chinese text in PDF is set in Droid Sans Fallback (Apache-2.0), the whole font rather than a subset: names have rare
// characters, and it has all of GBK's and of extension A. It has no digits and letters, which are set in DejaVu Sans (Bitstream
// Vera licence); both lie in the folder font with their licences. A document holds only the characters it uses. What neither
// font has is printed as 〓, the mark for a missing character, so that nobody takes a shortened name for the whole one.
package records
