package nhsa

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"gongji/settle"
)

// StatementRow is one row that the venue uploads for 3202: a settlement, or, with negative amounts and Refund, a
// cancellation.
type StatementRow struct {
	SetlID, MdtrtID, PsnNo string
	Total, Fund, Account   settle.Fen
	Refund                 bool
}

// ResultRow is one row of a 3202 result. Of a row that only the venue has, the centre's figures are 0.
type ResultRow struct {
	PsnNo, MdtrtID, SetlID string
	MsgID                  string // of the centre's booking: what a 2601 names
	Result                 string // ResultEqual …
	Refund                 bool
	Note                   string
	Total, Fund, Account   settle.Fen // the centre's figures
}

// Limits of a statement file.
const (
	maxStatement     = 64 << 20 // bytes of the text inside the zip
	maxStatementRows = 1 << 20
)

// EncodeStatement writes the venue's rows as the interface has them: UTF-8, columns parted by TAB, a missing value as
// null, zipped.
func EncodeStatement(name string, rows []StatementRow) ([]byte, error) {
	lines := make([][]string, 0, len(rows))
	for _, r := range rows {
		lines = append(lines, []string{r.SetlID, r.MdtrtID, r.PsnNo, r.Total.String(), r.Fund.String(), r.Account.String(), wireFlag(r.Refund)})
	}
	return zipTable(name, lines)
}

// DecodeStatement reads what EncodeStatement wrote, on the centre's side.
func DecodeStatement(data []byte) ([]StatementRow, error) {
	lines, err := unzipTable(data, 7)
	if err != nil {
		return nil, err
	}
	rows := make([]StatementRow, 0, len(lines))
	for i, line := range lines {
		amounts, err := columnAmounts(line[3:6])
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		rows = append(rows, StatementRow{
			SetlID: line[0], MdtrtID: line[1], PsnNo: line[2], Total: amounts[0], Fund: amounts[1], Account: amounts[2], Refund: line[6] == "1",
		})
	}
	return rows, nil
}

// EncodeResults writes result rows in a centre's order of columns.
func EncodeResults(name string, rows []ResultRow, d *Dialect) ([]byte, error) {
	lines := make([][]string, 0, len(rows))
	for _, r := range rows {
		first, second := r.Result, wireFlag(r.Refund)
		if d.DetailColumns == ColumnsFlagFirst {
			first, second = second, first
		}
		lines = append(lines, []string{r.PsnNo, r.MdtrtID, r.SetlID, r.MsgID, first, second, r.Note, r.Total.String(), r.Fund.String(), r.Account.String()})
	}
	return zipTable(name, lines)
}

// DecodeResults reads a 3202 result. Older centres leave the three figures out. A row whose result or flag has no known
// form is an error: nothing may be concluded from a file that is read wrongly.
func DecodeResults(data []byte, d *Dialect) ([]ResultRow, error) {
	lines, err := unzipTable(data, 7)
	if err != nil {
		return nil, err
	}
	rows := make([]ResultRow, 0, len(lines))
	for i, line := range lines {
		result, flag := line[4], line[5]
		if d.DetailColumns == ColumnsFlagFirst {
			result, flag = flag, result
		}
		if len(result) < 2 || flag != "0" && flag != "1" && flag != "" {
			return nil, fmt.Errorf("row %d: the columns of result and refund flag are not where they were looked for", i+1)
		}
		row := ResultRow{PsnNo: line[0], MdtrtID: line[1], SetlID: line[2], MsgID: line[3], Result: result, Refund: flag == "1", Note: line[6]}
		if len(line) >= 10 {
			amounts, err := columnAmounts(line[7:10])
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", i+1, err)
			}
			row.Total, row.Fund, row.Account = amounts[0], amounts[1], amounts[2]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func columnAmounts(columns []string) (amounts [3]settle.Fen, err error) {
	for i, text := range columns {
		quoted, err := json.Marshal(text)
		if err != nil {
			return amounts, err
		}
		var amount Amount
		if err := amount.UnmarshalJSON(quoted); err != nil {
			return amounts, err
		}
		amounts[i] = settle.Fen(amount)
	}
	return amounts, nil
}

// cell keeps a value from breaking the table.
var cell = strings.NewReplacer("\t", " ", "\r", " ", "\n", " ")

func zipTable(name string, lines [][]string) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	file, err := archive.Create(name)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		cells := make([]string, len(line))
		for i, value := range line {
			if cells[i] = cell.Replace(value); value == "" {
				cells[i] = "null"
			}
		}
		if _, err := io.WriteString(file, strings.Join(cells, "\t")+"\n"); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unzipTable reads the one text inside a zip; some centres send the text itself.
func unzipTable(data []byte, least int) ([][]string, error) {
	text := data
	if bytes.HasPrefix(data, []byte("PK")) {
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(archive.File) != 1 {
			return nil, errors.New("the file is not a zip of one text")
		}
		file, err := archive.File[0].Open()
		if err != nil {
			return nil, errors.New("the file inside the zip cannot be opened")
		}
		defer file.Close() //nolint:errcheck // read only
		if text, err = io.ReadAll(io.LimitReader(file, maxStatement+1)); err != nil {
			return nil, errors.New("the zip is damaged")
		}
	}
	if len(text) > maxStatement {
		return nil, errors.New("the file is longer than allowed")
	}
	var lines [][]string
	for number, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		if line = strings.TrimRight(line, "\r"); line == "" {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) < least || len(lines) >= maxStatementRows {
			return nil, fmt.Errorf("row %d has %d columns, %d are needed", number+1, len(cells), least)
		}
		for i := range cells {
			if cells[i] == "null" {
				cells[i] = ""
			}
		}
		lines = append(lines, cells)
	}
	return lines, nil
}
