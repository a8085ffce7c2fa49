package localapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

// importBodyBytes is the largest request of an import: a file of some ten thousand families.
const importBodyBytes = 32 << 20

// largeBodies are the routes whose bodies may be larger than maxBodyBytes, by pattern. Only a manager may use them, and
// anybody else is refused before the body is read.
var largeBodies = map[string]int64{http.MethodPost + " /v1/bindings/import": importBodyBytes}

// bodyLimit is how large the body of a call may be; FORBIDDEN for a large one from anybody but a manager.
func bodyLimit(c *call) (int64, error) {
	limit, large := largeBodies[c.route]
	switch {
	case !large:
		return maxBodyBytes, nil
	case !c.manager():
		return 0, settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
	}
	return limit, nil
}

// Importer takes ledger facts as signed files. *feed.Importer is one.
type Importer interface {
	// Preview tells what a file would do and changes no fact. BAD_REQUEST names the signature or every bad field of the
	// file by position; IDEMPOTENCY_CONFLICT.
	Preview(ctx context.Context, f settle.ImportFile) (settle.ImportPreview, error)
	// Apply applies the file with the digest that its preview answered; replayed is true where it was applied before.
	Apply(ctx context.Context, f settle.ImportFile, digest string) (preview settle.ImportPreview, replayed bool, err error)
}

// ImportRequest brings a signed file: first to be looked at, then, with the digest of that answer, to be applied.
type ImportRequest struct {
	File      string                   `json:"file" minLength:"2" doc:"The snapshot's JSON as text, byte for byte as it was signed, or in base64"`
	Signature string                   `json:"signature" minLength:"1" maxLength:"2000" doc:"The text of the minisign signature (.minisig)"`
	Apply     bool                     `json:"apply,omitempty" doc:"false: only look"`
	Digest    string                   `json:"digest,omitempty" maxLength:"64" doc:"Of the preview; needed to apply"`
	Operator  *session.OperatorRequest `json:"operator,omitempty" doc:"Who has looked at the preview; needed to apply"`
}

// Check names every fault of the request's form.
func (r *ImportRequest) Check() (faults []settle.FieldFault) {
	need := func(ok bool, field, message, detail string) {
		if !ok {
			faults = append(faults, settle.FieldFault{Field: field, Message: message, Detail: detail})
		}
	}
	_, err := r.content()
	need(err == nil, "file", "须为 JSON 文本或 base64。", "is neither a JSON object nor base64")
	need(!r.Apply || len(r.Digest) == 64, "digest", "须先预览，再带预览的摘要导入。", "is required to apply: preview first")
	need(!r.Apply || r.Operator != nil, "operator", "必填。", "is required to apply")
	return faults
}

// content is the file's bytes.
func (r *ImportRequest) content() ([]byte, error) {
	if strings.HasPrefix(strings.TrimLeft(r.File, " \t\r\n"), "{") {
		return []byte(r.File), nil
	}
	return base64.StdEncoding.DecodeString(r.File)
}

// ImportChanges counts what an import does to the facts of one kind.
type ImportChanges struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Ended     int `json:"ended"`
	Unchanged int `json:"unchanged"`
	Kept      int `json:"kept" doc:"The ledger knows something later, which stays"`
}

// ImportExample is one fact that an import touches.
type ImportExample struct {
	Kind   string   `json:"kind" enum:"person,account,binding"`
	Change string   `json:"change" enum:"new,changed,ended"`
	Place  string   `json:"place,omitempty" doc:"In the file; left out for what a full file ends by not naming it" example:"people[3]"`
	Masked string   `json:"masked" doc:"Masked names; giver and beneficiary of a binding"`
	Fields []string `json:"fields,omitempty" doc:"What changes"`
}

// ImportAnswer is what a file would do, or has done.
type ImportAnswer struct {
	SnapshotID string          `json:"snapshot_id"`
	CentreTime time.Time       `json:"centre_time" doc:"Of the facts"`
	Full       bool            `json:"full" doc:"Whatever the file does not name is ended"`
	Digest     string          `json:"digest" doc:"SHA-256 of the file; to be sent back to apply it"`
	Key        string          `json:"key" doc:"Of the trusted key that signed"`
	State      string          `json:"state" enum:"preview,applied"`
	People     ImportChanges   `json:"people"`
	Accounts   ImportChanges   `json:"accounts"`
	Bindings   ImportChanges   `json:"bindings"`
	Usage      ImportChanges   `json:"usage"`
	Examples   []ImportExample `json:"examples" doc:"A few of each kind and change"`
	Message    string          `json:"message" doc:"Chinese, for the manager"`
}

type importInput struct{ Body ImportRequest }

// Resolve adds what the schema cannot say.
func (in *importInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addImport(op huma.Operation) {
	op.Description = "Without apply, 200 with what the file would do; nothing is written. With apply and the preview's digest, 201, or 200 with " +
		"Idempotent-Replay where this file was applied before. Facts that the ledger knows from later stay as they are."
	op.MaxBodyBytes = importBodyBytes
	op = creates[ImportAnswer](s, op)
	op.Responses["200"].Description = "A preview; or, with Idempotent-Replay: true, the file was applied before"
	register(s, op, func(ctx context.Context, in *importInput) (*created[ImportAnswer], error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		if s.o.Importer == nil {
			return nil, settle.NewError(settle.NotConfigured, errors.New("import.trusted_keys is empty"))
		}
		file, err := in.Body.file(callOf(ctx))
		if err != nil {
			return nil, err
		}
		if !in.Body.Apply {
			preview, err := s.o.Importer.Preview(ctx, file)
			if err != nil {
				return nil, err
			}
			preview.Applied = false // it tells what applying would do now, whether or not that has been done
			return &created[ImportAnswer]{Status: http.StatusOK, Body: importAnswer(&preview)}, nil
		}
		preview, replayed, err := s.o.Importer.Apply(ctx, file, in.Body.Digest)
		if err != nil {
			return nil, err
		}
		return answered(importAnswer(&preview), replayed), nil
	})
}

func (r *ImportRequest) file(c *call) (settle.ImportFile, error) {
	content, err := r.content()
	if err != nil {
		return settle.ImportFile{}, settle.NewError(settle.BadRequest, nil)
	}
	file := settle.ImportFile{File: content, Signature: []byte(r.Signature), POS: c.token.Name, RequestID: c.id}
	if r.Operator != nil {
		file.Operator = settle.Operator(*r.Operator)
	}
	return file, nil
}

// importMessages say what an answer means.
var importMessages = map[bool]string{
	false: "请核对以下变更，无误后确认导入；尚未写入。",
	true:  "文件已导入。",
}

func importAnswer(p *settle.ImportPreview) ImportAnswer {
	answer := ImportAnswer{
		SnapshotID: p.SnapshotID, CentreTime: p.CentreTime.In(settle.Beijing), Full: p.Full, Digest: p.Digest, Key: p.KeyID, State: "preview",
		People: ImportChanges(p.Diff.People), Accounts: ImportChanges(p.Diff.Accounts), Bindings: ImportChanges(p.Diff.Bindings),
		Usage: ImportChanges(p.Diff.Usage), Examples: make([]ImportExample, len(p.Diff.Examples)), Message: importMessages[p.Applied],
	}
	if p.Applied {
		answer.State = "applied"
	}
	for i, e := range p.Diff.Examples {
		answer.Examples[i] = ImportExample(e)
	}
	return answer
}
