"""The service's resources: two lines each."""

from fastapi import APIRouter

from app.items.routes import router as items

router = APIRouter()
router.include_router(items, tags=["items"])
