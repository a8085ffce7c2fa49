package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"gongji/daemon/localapi"
)

// RecordQuery chooses settlements. The zero value is all that the token may see, the latest 50 first.
type RecordQuery struct {
	localapi.RecordFilters
	Cursor string // of the page before
	Limit  int    // 1 to 200; 0: the daemon's default of 50
	Reveal bool   // names and numbers whole; manager only, and remembered
}

// Records is a page of settlements: all of the venue for a manager, those of the own till of today for a cashier.
func (c *Client) Records(ctx context.Context, q RecordQuery) (localapi.RecordsAnswer, error) {
	query := filters(&q.RecordFilters)
	set(query, "cursor", q.Cursor)
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Reveal {
		query.Set("reveal", "true")
	}
	answer, _, err := call[localapi.RecordsAnswer](ctx, c, http.MethodGet, withQuery("/v1/records", query), nil)
	return answer, err
}

// Report is totals from and to (yyyy-mm-dd), both included, net of returns; groupBy empty is by day. A manager's token is needed.
func (c *Client) Report(ctx context.Context, from, to, groupBy string) (localapi.ReportAnswer, error) {
	query := url.Values{"from": {from}, "to": {to}}
	set(query, "group_by", groupBy)
	answer, _, err := call[localapi.ReportAnswer](ctx, c, http.MethodGet, withQuery("/v1/reports", query), nil)
	return answer, err
}

// ExportQuery chooses what goes into a file.
type ExportQuery struct {
	localapi.RecordFilters
	Format  string // xlsx, pdf or csv
	Kind    string // records (default), lines, report or statement
	GroupBy string // of a report; default day
}

// Export writes records, a report or a person's statement to w as they come, and returns the file's name and type. A file that
// breaks off is an error: what w got then is not whole. A manager's token is needed.
func (c *Client) Export(ctx context.Context, q ExportQuery, w io.Writer) (File, error) {
	query := filters(&q.RecordFilters)
	query.Set("format", q.Format)
	set(query, "kind", q.Kind)
	set(query, "group_by", q.GroupBy)
	return c.download(ctx, withQuery("/v1/exports", query), w)
}

// StatementQuery chooses the days of a statement; either may be empty.
type StatementQuery struct {
	From, To string // yyyy-mm-dd, both included
	Terminal string // picks the reader where there are several
}

func (q StatementQuery) values() url.Values {
	query := url.Values{}
	set(query, "from", q.From)
	set(query, "to", q.To)
	set(query, "terminal", q.Terminal)
	return query
}

// Statement is the use of the account of the person whose card is in the reader now.
func (c *Client) Statement(ctx context.Context, q StatementQuery) (localapi.StatementAnswer, error) {
	answer, _, err := call[localapi.StatementAnswer](ctx, c, http.MethodGet, withQuery("/v1/people/me/statement", q.values()), nil)
	return answer, err
}

// StatementFile is Statement as a file: xlsx, pdf or csv.
func (c *Client) StatementFile(ctx context.Context, q StatementQuery, format string, w io.Writer) (File, error) {
	query := q.values()
	query.Set("format", format)
	return c.download(ctx, withQuery("/v1/people/me/statement", query), w)
}

// filters are the query parameters of the filters that are set.
func filters(f *localapi.RecordFilters) url.Values {
	query := url.Values{}
	for name, value := range map[string]string{
		"from": f.From, "to": f.To, "person": f.Person, "name": f.Name, "settlement": f.Settlement, "state": f.State, "med_type": f.MedType,
		"doctor": f.Doctor, "words": f.Words, "terminal": f.Terminal, "operator": f.Operator, "area": f.Area, "disease": f.Disease,
	} {
		set(query, name, value)
	}
	return query
}

func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// Repeats are people who were sold the same goods in at least least bills of one day (0: the daemon's default of 2), from and to
// (yyyy-mm-dd), both included. They prove nothing. A manager's token is needed.
func (c *Client) Repeats(ctx context.Context, from, to string, least int) (localapi.RepeatsAnswer, error) {
	query := url.Values{"from": {from}, "to": {to}}
	if least > 0 {
		query.Set("least", strconv.Itoa(least))
	}
	answer, _, err := call[localapi.RepeatsAnswer](ctx, c, http.MethodGet, withQuery("/v1/reports/repeats", query), nil)
	return answer, err
}
