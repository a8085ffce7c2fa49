package nhsa

import (
	"encoding/json"
	"errors"
	"strconv"
)

// InfnoUpload is 9101 文件上传.
const InfnoUpload = "9101"

// Bytes is a file inside a message: a JSON array of the numbers 0 to 255.
type Bytes []byte

// MarshalJSON writes [80,75,3,4].
func (b Bytes) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 4*len(b)+2)
	out = append(out, '[')
	for i, value := range b {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(value), 10)
	}
	return append(out, ']'), nil
}

// UnmarshalJSON reads the numbers; some clients write them signed, as Java has its bytes.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var values []int16
	if err := json.Unmarshal(data, &values); err != nil {
		return errors.New("the file is not an array of bytes")
	}
	out := make([]byte, 0, len(values))
	for _, value := range values {
		if value < -128 || value > 255 {
			return errors.New("the file has a number that is no byte")
		}
		out = append(out, byte(value)) //nolint:gosec // in range; a negative one is Java's
	}
	*b = out
	return nil
}

// Upload is the input node fsUploadIn of 9101.
type Upload struct {
	File  Bytes  `json:"in"`
	Name  string `json:"filename" wire:"C200,M"`
	Venue string `json:"fixmedins_code" wire:"C30,M,d"`
}

// UploadInput is the input of 9101.
type UploadInput struct {
	Data Upload `json:"fsUploadIn"`
}

// MaxFile is the longest file that is sent, in bytes.
const MaxFile = 2 << 20

// Infno is 9101.
func (Upload) Infno() string { return InfnoUpload }

// Input builds the node.
func (m Upload) Input() (any, bool, error) {
	input := UploadInput{Data: m}
	return input, false, checkMessage(input, func(f *faults) {
		if len(m.File) == 0 || len(m.File) > MaxFile {
			f.add("fsUploadIn.in", "must have 1 byte to 2 MiB")
		}
	})
}

// DecodeUpload reads the file's number, which stands at the root of the output.
func DecodeUpload(a *Answer) (File, error) {
	f, err := readFields(a.Output)
	if err != nil {
		return File{}, errors.New("the answer has no output")
	}
	return f.file()
}
