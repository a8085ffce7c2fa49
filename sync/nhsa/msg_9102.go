package nhsa

import (
	"bytes"
	"context"
	"errors"
)

// InfnoDownload is 9102 文件下载. Its answer is the file itself; an envelope comes only on error.
const InfnoDownload = "9102"

// CatalogueVenue stands for the institution where a file of the catalogues 1301 to 1319 is fetched.
const CatalogueVenue = "plc"

// Download is the input node fsDownloadIn of 9102.
type Download struct {
	FileNo string `json:"file_qury_no" wire:"C30,M"`
	Name   string `json:"filename" wire:"C200,M"`
	Venue  string `json:"fixmedins_code" wire:"C30,M,d"`
}

// DownloadInput is the input of 9102.
type DownloadInput struct {
	Data Download `json:"fsDownloadIn"`
}

// Infno is 9102.
func (Download) Infno() string { return InfnoDownload }

// Input builds the node.
func (m Download) Input() (any, bool, error) {
	input := DownloadInput{Data: m}
	return input, false, checkMessage(input)
}

// Fetch downloads a file. Where the outcome is not done there is none. The error is Prepare's.
func (c *Client) Fetch(ctx context.Context, call Call) (file []byte, outcome Outcome, err error) {
	message, err := c.Prepare(ctx, call)
	if err != nil {
		return nil, Outcome{}, err
	}
	outcome = c.sendFor(ctx, message, func(body []byte) (*Answer, error) {
		if trimmed := bytes.TrimLeft(body, "\xef\xbb\xbf \r\n\t"); len(trimmed) > 0 && trimmed[0] != '{' && trimmed[0] != '<' {
			file = body
			return &Answer{Code: CodeDone}, nil
		}
		answer, err := DecodeAnswer(body)
		if err == nil && answer.Done() {
			return nil, errors.New("an envelope came in place of the file")
		}
		return answer, err
	})
	return file, outcome, nil
}
