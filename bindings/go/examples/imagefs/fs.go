package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// An imageFS is the root file system of an image. The layers are read and verified once, to see what is in them; the
// content of files stays at the registry.
type imageFS struct {
	repository *ocireg.Repository
	root       *node
}

// A node is a file or directory.
type node struct {
	fs.FileInfo
	header   *tar.Header
	layer    *layer
	offset   int64 // Where the content is in the layer.
	children map[string]*node
}

// A layer is where contents are: in a blob, which is read in parts if it is not compressed.
type layer struct {
	digest string
	blob   *ocireg.RemoteBlob
}

// openImage returns the file system of an image whose layers are in the repository, lowest first.
func openImage(ctx context.Context, repository *ocireg.Repository, layers []ocireg.Descriptor) (*imageFS, error) {
	root := &tar.Header{Name: ".", Typeflag: tar.TypeDir, Mode: 0o755}
	f := &imageFS{repository, &node{FileInfo: root.FileInfo(), header: root, children: map[string]*node{}}}
	for _, descriptor := range layers {
		if err := f.add(ctx, descriptor); err != nil {
			return nil, fmt.Errorf("layer %s: %w", descriptor.Digest, err)
		}
	}
	return f, nil
}

// add puts a layer on top of those that are there.
func (f *imageFS) add(ctx context.Context, descriptor ocireg.Descriptor) error {
	blob, err := f.repository.OpenBlob(ctx, descriptor.Digest, &ocireg.BlobOptions{Decompress: true})
	if err != nil {
		return err
	}
	defer blob.Close()
	content := &chunker{reader: blob}
	archive, of := tar.NewReader(content), &layer{digest: descriptor.Digest}
	var added []*node
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		directory, name := path.Split(path.Clean("/" + header.Name))
		switch parent := f.find(directory); {
		case name == ".wh..wh..opq" && parent != nil:
			clear(parent.children) // What this layer puts there comes later.
		case strings.HasPrefix(name, ".wh.") && parent != nil:
			delete(parent.children, strings.TrimPrefix(name, ".wh."))
		default:
			added = append(added, &node{FileInfo: header.FileInfo(), header: header, layer: of, offset: content.count})
		}
	}
	// The digest is checked at the end of the blob. The chunks make later reads as trustworthy.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	if err := blob.Verify(); err != nil {
		return err
	}
	if strings.HasSuffix(descriptor.MediaType, ".tar") {
		options := &ocireg.RemoteBlobOptions{Size: content.count, Chunks: content.end()}
		if of.blob, err = f.repository.RemoteBlob(ctx, descriptor.Digest, options); err != nil {
			return err
		}
	}
	for _, n := range added {
		f.put(n)
	}
	return nil
}

// put puts a node where its header says.
func (f *imageFS) put(n *node) {
	parent := f.root
	parts := strings.Split(strings.Trim(path.Clean("/"+n.header.Name), "/"), "/")
	for i, name := range parts {
		below := parent.children[name]
		if i == len(parts)-1 {
			break
		}
		if below == nil || below.children == nil {
			header := &tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}
			below = &node{FileInfo: header.FileInfo(), header: header, children: map[string]*node{}}
			parent.children[name] = below
		}
		parent = below
	}
	name := parts[len(parts)-1]
	switch n.header.Typeflag {
	case tar.TypeDir:
		n.children = map[string]*node{}
		if name == "" {
			return
		}
		if before := parent.children[name]; before != nil && before.children != nil {
			n.children = before.children
		}
	case tar.TypeLink:
		target := f.find(n.header.Linkname)
		if target == nil {
			return
		}
		n = target
	}
	parent.children[name] = n
}

// find returns the node at a path, without following symbolic links; nil if there is none.
func (f *imageFS) find(name string) *node {
	n := f.root
	for _, part := range strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/") {
		if part != "" && n != nil {
			n = n.children[part]
		}
	}
	return n
}

// Open implements [fs.FS]. Symbolic links are followed within the image.
func (f *imageFS) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	rest, at, n := strings.Split(name, "/"), "/", f.root
	for links := 0; len(rest) > 0; {
		next := path.Join(at, rest[0])
		if n = f.find(next); n == nil {
			return fail(fs.ErrNotExist)
		}
		rest = rest[1:]
		if n.header.Typeflag != tar.TypeSymlink {
			at = next
			continue
		}
		if links++; links > 40 {
			return fail(errors.New("too many symbolic links"))
		}
		target := n.header.Linkname
		if !path.IsAbs(target) {
			target = path.Join(at, target)
		}
		rest = append(strings.Split(strings.Trim(path.Clean("/"+target), "/"), "/"), rest...)
		at, n = "/", f.root
	}
	if n.children != nil {
		return &directory{node: n, left: n.entries()}, nil
	}
	content, err := f.content(n)
	if err != nil {
		return fail(err)
	}
	return &file{n, content}, nil
}

// content returns a reader of a file's content. Of a compressed layer, all that comes before it is read, too.
func (f *imageFS) content(n *node) (io.ReadCloser, error) {
	size := n.header.Size
	if n.header.Typeflag != tar.TypeReg || size == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if n.layer.blob != nil {
		return io.NopCloser(io.NewSectionReader(n.layer.blob, n.offset, size)), nil
	}
	blob, err := f.repository.OpenBlob(context.Background(), n.layer.digest, &ocireg.BlobOptions{Decompress: true})
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, blob, n.offset); err != nil {
		blob.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(blob, size), closer(func() { blob.Close() })}, nil // It was verified before.
}

type closer func()

func (c closer) Close() error { c(); return nil }

// A file is an open file.
type file struct {
	node *node
	io.ReadCloser
}

func (f *file) Stat() (fs.FileInfo, error) { return f.node, nil }

// A directory is an open directory.
type directory struct {
	node *node
	left []fs.DirEntry
}

func (d *directory) Stat() (fs.FileInfo, error) { return d.node, nil }
func (d *directory) Close() error               { return nil }
func (d *directory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.node.Name(), Err: errors.New("is a directory")}
}

// ReadDir implements [fs.ReadDirFile].
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	entries := d.left[:n]
	d.left = d.left[n:]
	return entries, nil
}

func (n *node) entries() (entries []fs.DirEntry) {
	for name, child := range n.children {
		entries = append(entries, fs.FileInfoToDirEntry(named{child, name}))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

// A named node has the name that its directory gives it: one that is a hard link may have several.
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

// A chunker counts what is read, and makes the digests of its chunks.
type chunker struct {
	reader io.Reader
	count  int64
	hash   hash.Hash
	chunks []ocireg.Chunk
}

const chunkSize = 256 << 10

func (c *chunker) Read(p []byte) (int, error) {
	if room := chunkSize - c.count%chunkSize; int64(len(p)) > room {
		p = p[:room]
	}
	n, err := c.reader.Read(p)
	if c.hash == nil {
		c.hash = sha256.New()
	}
	c.hash.Write(p[:n])
	if c.count += int64(n); n > 0 && c.count%chunkSize == 0 {
		c.chunks, c.hash = c.end(), nil
	}
	return n, err
}

// end returns the chunks, with the last one as far as it goes.
func (c *chunker) end() []ocireg.Chunk {
	begin := int64(len(c.chunks)) * chunkSize
	if c.hash == nil || c.count == begin {
		return c.chunks
	}
	digest := "sha256:" + hex.EncodeToString(c.hash.Sum(nil))
	return append(c.chunks, ocireg.Chunk{Offset: begin, Size: c.count - begin, Digest: digest})
}
