package localapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"gongji/daemon/records"
	"gongji/settle"
)

const (
	exportsAtOnce = 2                // exports that may run at the same time: each reads the disk as fast as it can
	exportWrite   = 30 * time.Second // how long a client may take nothing of an export before it counts as gone
)

type exportInput struct {
	RecordFilters
	Format  string `query:"format" required:"true" enum:"xlsx,pdf,csv"`
	Kind    string `query:"kind" default:"records" enum:"records,lines,report,statement" doc:"lines: one row for each line of a bill. statement needs person"`
	GroupBy string `query:"group_by" default:"day" enum:"day,month,area,disease,med_type,source,relation,operator,terminal,class" doc:"Of a report"`
}

// Resolve adds what a kind needs.
func (in *exportInput) Resolve(ctx huma.Context) []error {
	errs := in.RecordFilters.Resolve(ctx)
	need := func(text, field string) {
		if text == "" {
			errs = append(errs, fieldError{Field: "query." + field, Message: "必填。", Detail: "is required for this kind of export"})
		}
	}
	switch in.Kind {
	case "statement":
		need(in.Person, "person")
	case "report":
		need(in.From, "from")
		need(in.To, "to")
	}
	return errs
}

// fileResponses documents an answer that is a file.
func fileResponses(op *huma.Operation, types ...string) {
	content := map[string]*huma.MediaType{}
	for _, t := range types {
		content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	op.Responses["200"] = &huma.Response{Description: "The file, as it is written", Content: content}
}

func (s *Server) addExport(op huma.Operation) {
	op.Description = "Records, lines, a report or a person's statement as a file; names and numbers stay masked. CSV comes as it is read; " +
		"XLSX and PDF come when they are whole. A PDF has at most " + strconv.Itoa(records.MaxPDFRows) + " rows. An export that breaks off ends without its last chunk. " +
		"Every export is remembered."
	fileResponses(&op, records.CSV.ContentType(), records.XLSX.ContentType(), records.PDF.ContentType())
	slots := make(chan struct{}, exportsAtOnce)
	register(s, op, func(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		store, err := s.store()
		if err != nil {
			return nil, err
		}
		job, err := s.export(ctx, store, in)
		if err != nil {
			return nil, err
		}
		detail := map[string]string{"kind": in.Kind, "format": in.Format, "from": in.From, "to": in.To, "group_by": in.GroupBy}
		if err := s.remember(ctx, store, incidentExport, detail); err != nil {
			return nil, err
		}
		select {
		case slots <- struct{}{}:
		default:
			return nil, settle.NewError(settle.RateLimited, nil)
		}
		return s.sendFile(job, func() { <-slots }), nil
	})
}

// fileJob is a table that is about to be written.
type fileJob struct {
	format records.Format
	head   records.Head
	name   string
	fill   func(ctx context.Context, sheet records.Sheet) error
}

// export prepares a job, so that whatever can be refused is refused before the first byte.
func (s *Server) export(ctx context.Context, store Records, in *exportInput) (*fileJob, error) {
	q, _ := in.query()
	job := &fileJob{format: records.Format(in.Format), name: in.Kind}
	venue := "机构：" + s.o.Session.Venue().Name + "（" + s.o.Session.Venue().Code + "）"
	switch in.Kind {
	case "report":
		totals, err := store.Report(ctx, q.From, q.To, settle.Grouping(in.GroupBy))
		if err != nil {
			return nil, err
		}
		job.head = records.ReportHead(&totals, venue)
		job.fill = func(_ context.Context, sheet records.Sheet) error { return records.WriteReport(sheet, &totals) }
	case "statement":
		person, err := s.o.Session.PersonByNumber(ctx, q.Number)
		if err != nil {
			return nil, err
		}
		statement, err := store.Statement(ctx, person, q.From, q.To)
		if err != nil {
			return nil, err
		}
		s.fillStatement(job, &statement)
	default:
		lines := in.Kind == "lines"
		job.head = records.RecordsHead(venue, records.Period(q.From, q.To))
		if lines {
			job.head = records.LinesHead(venue, records.Period(q.From, q.To), "明细为结算时的内容；退货见整单状态。")
		}
		job.fill = func(ctx context.Context, sheet records.Sheet) error {
			return records.WriteRecords(ctx, store, q, sheet, lines, nil)
		}
	}
	return job, nil
}

func (s *Server) fillStatement(job *fileJob, statement *settle.Statement) {
	job.head = records.StatementHead(statement, "机构："+s.o.Session.Venue().Name+"（"+s.o.Session.Venue().Code+"）")
	job.fill = func(_ context.Context, sheet records.Sheet) error { return records.WriteStatement(sheet, statement) }
}

// sendFile answers with a file. free is called when it is done.
func (s *Server) sendFile(job *fileJob, free func()) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer free()
		_, w := humago.Unwrap(ctx)
		out := &pieces{w: w, control: http.NewResponseController(w)}
		out.header = func() {
			w.Header().Set("Content-Type", job.format.ContentType())
			w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{
				"filename": fmt.Sprintf("%s-%s.%s", job.name, s.o.Clock().In(settle.Beijing).Format("20060102-150405"), job.format),
			}))
		}
		err := job.write(ctx.Context(), out)
		switch {
		case err == nil:
		case !out.begun:
			writeProblem(w, s.fail(ctx.Context(), tooLong(err)))
		default:
			s.o.Logger.Warn("an export broke off", "request_id", callOf(ctx.Context()).id, "error", err.Error())
			_ = out.control.SetWriteDeadline(time.Unix(1, 0)) // no last chunk: the client must see that the file is not whole
		}
	}}
}

// tooLong says what to do about a table that does not fit.
func tooLong(err error) error {
	if !errors.Is(err, records.ErrTooLong) {
		return err
	}
	return &settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{{
		Field: "query.format", Message: fmt.Sprintf("PDF 最多 %d 行，请缩短区间，或导出 XLSX、CSV。", records.MaxPDFRows),
		Detail: "has too many rows for a PDF",
	}}, Cause: err}
}

func (j *fileJob) write(ctx context.Context, out io.Writer) error {
	sheet, err := records.NewSheet(j.format, out, j.head)
	if err != nil {
		return err
	}
	if err := j.fill(ctx, sheet); err != nil {
		sheet.Discard()
		return err
	}
	return sheet.Close()
}

// pieces writes an answer of any length: the client has a while for each piece, not for the whole.
type pieces struct {
	w       http.ResponseWriter
	control *http.ResponseController
	header  func()
	begun   bool
}

// Write passes a piece on.
func (p *pieces) Write(data []byte) (int, error) {
	if !p.begun {
		p.begun = true
		p.header()
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(exportWrite)) // a writer without deadlines needs none
	return p.w.Write(data)
}
