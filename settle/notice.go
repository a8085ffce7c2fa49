package settle

import "log/slog"

// Notice is a text that a region wants read before a step (告知书, S-064, S-167, S-231). ID and Version name the very text
// that was read; both are kept with the request.
type Notice struct {
	ID       string `json:"id,omitempty"`
	Version  string `json:"version,omitempty"`
	Title    string `json:"title,omitempty"` // Chinese
	Text     string `json:"text,omitempty"`  // Chinese; empty where only the region's app has it
	Required bool   `json:"required,omitempty"`
}

// Is reports whether the region has the notice at all.
func (n *Notice) Is() bool { return n.ID != "" }

// NoticeRead is a notice that was read before a request, by whom: NoticeReaders.
type NoticeRead struct {
	ID      string `json:"id,omitempty"`
	Version string `json:"version,omitempty"`
	ReadBy  string `json:"read_by,omitempty"`
}

// NoticeReaders are who may have read a notice: the giver, or the operator aloud to the giver.
var NoticeReaders = []string{"giver", "operator"}

// Contact is what a region's form wants to know of a relative beside the identity (S-048, S-174). It is kept in the sealed
// record of a request and shown nowhere: its texts do not print.
type Contact struct {
	Phone            string `json:"phone,omitempty"`
	HouseholdNumber  string `json:"household_number,omitempty"` // of the household register (户口簿)
	HouseholdAddress string `json:"household_address,omitempty"`
}

// String hides the contact from whoever prints a request.
func (c Contact) String() string { return "[contact]" }

// LogValue hides the contact from logs.
func (c Contact) LogValue() slog.Value { return slog.StringValue(c.String()) }

// AuthMethods are how a giver may have been authenticated when a binding was asked for (S-046): by the card in the reader, a
// scanned e-voucher, a face check, or papers at a window.
var AuthMethods = []string{"card", "evoucher", "face", "window"}

// ConfirmRules say which steps people must have confirmed with the digest of a preview (S-050, S-180): bind, unbind,
// reorder, limit, premium_cancel. The others take a digest too and check it.
type ConfirmRules struct {
	Steps []string `rule:"steps"`
}

// checkNotice wants the region's notice read in the version that stands. A region without one keeps what it is told.
func (r *Rules) checkNotice(n *Notice, read NoticeRead, key string) error {
	switch {
	case !n.Is():
		return nil
	case read == (NoticeRead{}) && !n.Required:
		return nil
	case read.ID == n.ID && read.Version == n.Version && read.ReadBy != "":
		return nil
	}
	return r.refusal(EBindingNotice, key).With("notice_id", n.ID).With("notice_version", n.Version).With("notice_title", n.Title)
}

// NoticeRules are a region's notices by step.
type NoticeRules struct {
	Binding   Notice `rule:"binding"`
	Unbinding Notice `rule:"unbinding"`
}
