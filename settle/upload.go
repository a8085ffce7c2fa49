package settle

import "time"

// UploadKind is what an upload of goods tells the centre.
type UploadKind string

// The kinds of uploads. None of them moves money, and none holds a report of money back.
const (
	UploadSold     UploadKind = "sold"     // 3505: what went over the counter, with its trace codes
	UploadReturned UploadKind = "returned" // 3506: what came back
)

// Upload tells the centre which packs were sold or came back with a settlement. It is written when the report of the
// sale or return is accepted, and waits for earlier uploads of the same settlement.
type Upload struct {
	ID         int64
	Kind       UploadKind
	Settlement string
	Person     PersonID
	SetlID     string      // under which the centre booked the sale
	State      ReportState // pending, unknown, accepted, or refused: a person must look
	Done       bool
	CreatedAt  time.Time
	Attempts   int
	NextAt     time.Time
	Fault      string
}

// UploadRow is one line of an upload as the centre took it or not.
type UploadRow struct {
	N     int         // from 0, in the order in which rows are sent
	Line  string      // Line.ID
	State ReportState // pending, accepted or refused
	Fault string      // the centre's text, without identities
	// Unsold: goods that came back and whose sale the centre refused to take (3505), so that there is nothing to take back.
	Unsold bool
}

// UploadDossier is all that the next message of an upload needs.
type UploadDossier struct {
	Upload    Upload
	Identity  Identity
	Sale      Sale // Lines[i] is what row i is about: its quantity and trace codes are those sold, or those that came back
	Rows      []UploadRow
	At        time.Time // when the goods changed hands
	Operator  Operator
	ReceiptNo string // of the sale
	MdtrtSn   string // the visit's number at a clinic, else the sale's receipt
	Unclear   bool   // an earlier message of it has no outcome, so rows may be there already
	// Late: goods that came back, while a message that told of their sale (3505) has no outcome and may still be on its way,
	// although another has been answered.
	Late bool
	// Returning: goods that were sold, of which a pack had come back from an earlier sale, and the centre has not been told of
	// that (3506): it has the pack as sold to somebody else.
	Returning bool
}

// UploadMessage is one message of an upload, in the journal before it is sent.
type UploadMessage struct {
	MsgID  string
	Upload int64
	Infno  string
	Rows   []int // N of the rows in it, in order
	Body   []byte
	SentAt time.Time
}

// UploadResult ends a message and moves its upload, in one transaction. MsgID is empty where nothing could be built.
type UploadResult struct {
	MsgID  string
	State  DispatchState
	Fault  string
	At     time.Time
	Upload int64
	Rows   []UploadRow // that have changed

	UploadState ReportState
	Done        bool
	NextAt      time.Time
	Attempt     bool
}
