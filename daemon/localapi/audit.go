package localapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// incidentManager is the kind of a change that a manager's token made.
const incidentManager = "MANAGER"

// auditLimit is the most lines that one answer lists.
const auditLimit = 1000

// everyday are the changes of the counter, which are in the ledger with everything about them, whoever made them; and the
// import, which writes a line of its own.
var everyday = map[string]bool{"POST /v1/quotes": true, "POST /v1/settlements": true, "POST /v1/bindings/import": true}

// audits reports whether a change by this call is a line of the audit record.
func (s *Server) audits(c *call) bool { return s.o.Records != nil && c.manager() && !everyday[c.route] }

// audit writes down what a manager changed: which token, over which way, to what effect. What was decided is in the ledger's
// own records; an attempt that was refused is written too. It is on disk before the answer leaves: a change that cannot be
// written down is answered as a fault of the store, and the repeat of the request is written down instead.
func (s *Server) audit(r *http.Request, c *call, status int) error {
	if !s.audits(c) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	detail := map[string]string{
		"pos": c.token.Name, "route": c.route, "path": pathOf(r, c), "status": strconv.Itoa(status), "request_id": c.id, "peer": c.peer.String(),
	}
	if c.code != "" {
		detail["code"] = string(c.code)
	}
	if err := s.o.Records.RecordIncident(ctx, incidentManager, detail); err != nil {
		s.o.Logger.Error("a manager's change could not be recorded", "request_id", c.id, "code", settle.CodeOf(err))
		return err
	}
	return nil
}

// pathOf is the path of a request that has a route; any other could hold anything.
func pathOf(r *http.Request, c *call) string {
	if c.route == "" {
		return ""
	}
	return r.URL.Path
}

// AuditLine is one line of the audit record.
type AuditLine struct {
	At     time.Time         `json:"at"`
	Kind   string            `json:"kind" doc:"MANAGER: a change by a manager's token; EXPORT, RECORDS_REVEALED, import; TOKEN_ADDED, TOKEN_REVOKED, TOKENS; or the code of what was refused at the counter"`
	POS    string            `json:"pos,omitempty" doc:"Name of the token"`
	Reader string            `json:"reader,omitempty"`
	Detail map[string]string `json:"detail" doc:"What was recorded; neither an identity nor a hash of one"`
}

// AuditAnswer is a part of the audit record, oldest first.
type AuditAnswer struct {
	Lines []AuditLine `json:"lines"`
	Next  string      `json:"next,omitempty" doc:"There may be more: ask from this time"`
}

type auditInput struct {
	From string `query:"from" required:"true" example:"2026-11-22" doc:"Day in Beijing, or the next of an answer"`
}

type auditOutput struct{ Body AuditAnswer }

func (s *Server) addAudit(op huma.Operation) {
	op.Description = "Who did, tried or looked at what: managers' changes, exports, imports, tokens, cards that were not the patient's. At most 1000 lines, oldest first."
	register(s, op, func(ctx context.Context, in *auditInput) (*auditOutput, error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		store, err := s.store()
		if err != nil {
			return nil, err
		}
		from, err := time.Parse(time.RFC3339Nano, in.From)
		if err != nil {
			day, err := parseDay("from", in.From)
			if err != nil {
				return nil, err
			}
			from = day.Time()
		}
		list, err := store.Incidents(ctx, from, auditLimit)
		if err != nil {
			return nil, err
		}
		answer := AuditAnswer{Lines: make([]AuditLine, len(list))}
		for i := range list {
			delete(list[i].Detail, "card_hash")
			delete(list[i].Detail, "person")
			answer.Lines[i] = AuditLine{At: list[i].At.In(settle.Beijing), Kind: list[i].Kind, POS: list[i].POS, Reader: list[i].Reader, Detail: list[i].Detail}
		}
		if len(list) == auditLimit {
			answer.Next = list[len(list)-1].At.In(settle.Beijing).Format(time.RFC3339Nano)
		}
		return &auditOutput{answer}, nil
	})
}
