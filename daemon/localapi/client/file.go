package client

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// File says what an answer that is no JSON was.
type File struct {
	Name        string // as the daemon suggests it; empty for slips
	ContentType string
	Printed     int // slips: how many times it was printed, this one included; above 1 it is marked as a copy
}

// problemMost is the most bytes of a refusal that are read.
const problemMost = 1 << 20

// download writes an answer to w as it comes.
func (c *Client) download(ctx context.Context, path string, w io.Writer) (File, error) {
	response, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return File{}, err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		data, err := io.ReadAll(io.LimitReader(response.Body, problemMost))
		if err != nil {
			return File{}, fmt.Errorf("GET %s: answer broke off: %w", path, err)
		}
		return File{}, problemOf(response.StatusCode, data)
	}
	file := File{ContentType: response.Header.Get("Content-Type")}
	if _, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Disposition")); err == nil {
		file.Name = parameters["filename"]
	}
	if text := response.Header.Get("Slip-Number"); text != "" {
		if file.Printed, err = strconv.Atoi(text); err != nil {
			return File{}, fmt.Errorf("GET %s: Slip-Number: %w", path, err)
		}
	}
	if _, err := io.Copy(w, response.Body); err != nil {
		return File{}, fmt.Errorf("GET %s: the file is not whole: %w", path, err)
	}
	return file, nil
}
