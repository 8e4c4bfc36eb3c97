package payload

import "strings"

// MediaType returns the media type of a Content-Type header, in lower case.
func MediaType(contentType string) string {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

// IsFormType reports whether a media type is that of a URL-encoded form.
func IsFormType(mediaType string) bool { return mediaType == "application/x-www-form-urlencoded" }

// multipartType is the media type of a form that may hold files.
const multipartType = "multipart/form-data"

// HasFields reports whether a media type is that of a form of either kind.
func HasFields(mediaType string) bool { return IsFormType(mediaType) || mediaType == multipartType }

// mediaKind is what a media type is to whoever reads a body.
type mediaKind uint8

const (
	anyMedia   mediaKind = iota // which may hold JSON
	urlEncoded                  // a form
	multipartForm
	otherMedia // see IsOtherType
)

func kindOf(mediaType string) mediaKind {
	switch {
	case IsFormType(mediaType):
		return urlEncoded
	case mediaType == multipartType:
		return multipartForm
	case IsOtherType(mediaType):
		return otherMedia
	}
	return anyMedia
}

// IsOtherType reports whether a media type is one that holds neither JSON nor
// a URL-encoded form. Any other one may: plain text often does.
func IsOtherType(mediaType string) bool {
	family, kind, _ := strings.Cut(mediaType, "/")
	switch family {
	case "multipart", "image", "audio", "video":
		return true
	}
	return kind == "xml" || kind == "html" || strings.HasSuffix(kind, "+xml")
}
