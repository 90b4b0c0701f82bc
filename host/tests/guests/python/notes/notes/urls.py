import hashlib

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.urls import path


def notes(request):
    if request.method == "POST":
        request.session["notes"] = [*request.session.get("notes", []), request.POST["note"]]
        return redirect("notes")
    return render(request, "notes.html", {"notes": request.session.get("notes", [])})


def upload(request):
    file = request.FILES["file"]
    content = b"".join(file.chunks())
    return JsonResponse({"name": file.name, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()})


def debug(request):
    return JsonResponse({"debug": settings.DEBUG})


upload.csrf_exempt = True
urlpatterns = [path("", notes, name="notes"), path("upload", upload), path("debug", debug)]
