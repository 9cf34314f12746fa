//go:build cgo

package ocireg_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// List the tags of a repository, page by page.
func ExampleRepository_ListTags() {
	image, stop := exampleImage() // Such as "busybox:1.36".
	defer stop()
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx := context.Background()
	repository, err := service.OpenRepository(ctx, image, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer repository.Close()

	options := &ocireg.ListOptions{}
	for {
		page, err := repository.ListTags(ctx, options)
		if err != nil {
			log.Fatal(err)
		}
		for _, tag := range page.Tags {
			fmt.Println(tag)
		}
		if page.Next == "" {
			break
		}
		options.Next = page.Next
	}
	// Output: v1
}

// Find out what an image is without downloading its layers.
func ExampleDefaultService_Inspect() {
	image, stop := exampleImage() // Such as "busybox:1.36".
	defer stop()
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	found, err := service.Inspect(context.Background(), image, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Kind, found.Descriptor.MediaType)
	for _, layer := range found.Layers {
		fmt.Println(layer.Size)
	}
	// Output:
	// image application/vnd.oci.image.manifest.v1+json
	// 100000
	// 200000
}

// Pull with a progress line, a deadline, and Ctrl-C.
func ExampleDefaultService_Pull_progress() {
	image, stop := exampleImage() // Such as "busybox:1.36".
	defer stop()
	directory, err := os.MkdirTemp("", "layout")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt)
	defer release()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	ctx = ocireg.WithProgress(ctx, func(p ocireg.Progress) error {
		fmt.Fprintf(os.Stderr, "\r%d of %d bytes", p.Done, p.Total)
		return nil
	})
	report, err := service.Pull(ctx, image, "oci:"+directory+":v1", nil)
	fmt.Fprintln(os.Stderr)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Println("not within ten minutes; the next pull goes on from here")
	case errors.Is(err, context.Canceled):
		fmt.Println("interrupted; the next pull goes on from here")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println(len(report.Blobs), "blobs")
	}
	// Output: 3 blobs
}

// Stream a layer, list its files as they arrive, and verify the digest before trusting any of it.
func ExampleRepository_OpenBlob() {
	image, layer, stop := exampleLayer() // Such as "busybox:1.36", and a digest of its manifest.
	defer stop()
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx := context.Background()
	repository, err := service.OpenRepository(ctx, image, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer repository.Close()

	// Decompress: the tar archive itself is read, however the layer is compressed.
	blob, err := repository.OpenBlob(ctx, layer, &ocireg.BlobOptions{Decompress: true})
	if err != nil {
		log.Fatal(err)
	}
	defer blob.Close()
	files := tar.NewReader(blob)
	for {
		file, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(file.Name)
	}
	if err := blob.Verify(); err != nil {
		log.Fatal(err) // Keep nothing of what was read.
	}
	// Output:
	// etc/motd
	// usr/bin/app
}

// Upload a blob from a stream. The registry has it only after Commit.
func ExampleRepository_PutBlob() {
	image, stop := exampleImage() // Any reference in the repository to push to.
	defer stop()
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	repository, err := service.OpenRepository(ctx, image, &ocireg.OpenOptions{Actions: []string{"pull", "push"}})
	if err != nil {
		log.Fatal(err)
	}
	defer repository.Close()

	blob, err := repository.PutBlob(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer blob.Close()
	if _, err := io.Copy(blob, strings.NewReader("content")); err != nil {
		log.Fatal(err)
	}
	stored, err := blob.Commit(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored.Digest)
	// Output: sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73
}

// Log in to a private registry, which checks and stores the credentials, and pull from it.
func ExampleDefaultService_Login() {
	image, password, stop := examplePrivateImage()
	defer stop()
	directory, err := os.MkdirTemp("", "layout")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	host, _, _ := strings.Cut(image, "/")
	service, err := ocireg.NewService(ocireg.ServiceOptions{
		// The registry of this example has no certificate. Others need neither of these options.
		AllowPlainHTTPCredentials: []string{host},
		DockerConfig:              directory,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	login, err := service.Login(ctx, ocireg.AuthConfig{Username: "alice", Password: password, ServerAddress: host}, "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(login.Status)
	report, err := service.Pull(ctx, image, "oci:"+directory+"/app:v1", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(report.Blobs), "blobs")
	// Output:
	// Login Succeeded
	// 2 blobs
}

// Tell three errors apart: the image does not exist, the registry wants other credentials, the network failed.
func ExampleError() {
	image, password, stop := examplePrivateImage()
	defer stop()
	host, _, _ := strings.Cut(image, "/")
	explain := func(reference, password string) {
		service, err := ocireg.NewService(ocireg.ServiceOptions{
			Credentials:               map[string]ocireg.AuthConfig{host: {Username: "alice", Password: password}},
			AllowPlainHTTPCredentials: []string{host},
			Resolve:                   map[string][]string{"unknown.example": {}}, // A host without an address.
		})
		if err != nil {
			log.Fatal(err)
		}
		defer service.Close()
		_, err = service.Inspect(context.Background(), reference, nil)
		var failure *ocireg.Error
		switch {
		case err == nil:
			fmt.Println("found")
		case errors.Is(err, ocireg.ErrNotFound):
			fmt.Println("no such image")
		case errors.Is(err, ocireg.ErrUnauthorized), errors.Is(err, ocireg.ErrDenied):
			fmt.Println("log in with other credentials")
		case errors.As(err, &failure) && failure.Retryable:
			fmt.Println("try again later:", failure.Name)
		default:
			fmt.Println(failure.Message, failure.Hint)
		}
	}
	explain(image, password)
	explain(host+"/team/app:v9", password)
	explain(image, "wrong")
	explain("unknown.example/team/app", password)
	// Output:
	// found
	// no such image
	// log in with other credentials
	// try again later: NAME_NOT_RESOLVED
}

// examplePrivateImage starts a registry that wants alice's password, with an image of one layer.
func examplePrivateImage() (image, password string, stop func()) {
	r, stop := startRegistry()
	r.user, r.password = "alice", "wonderland"
	r.addImage("team/app", "v1", 1000)
	return r.host + "/team/app:v1", r.password, stop
}
